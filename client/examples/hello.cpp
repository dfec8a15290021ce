// The smallest program that does something with Engram: two people, one edge, and what they bring to mind.
#include <cstdio>

#include "client/engram/client.h"

using namespace engram::client;

int main(int argc, char** argv) {
  auto client = Client::connect({.server = argc > 1 ? argv[1] : "127.0.0.1:9470"});
  if (!client.ok()) return std::fprintf(stderr, "%s\n", client.status().message().c_str()), 1;

  Batch batch;
  batch.put_vertex("ada", {.labels = {"Person"}, .properties = {{"born", 1815}}})
      .put_vertex("charles", {.labels = {"Person"}})
      .link("ada", "KNOWS", "charles", {.weight = 0.9});
  auto outcome = client->submit(batch);
  if (!outcome.committed()) return std::fprintf(stderr, "%s\n", outcome.status.message().c_str()), 1;

  auto neighbors = client->neighbors("ada");
  if (!neighbors.ok()) return std::fprintf(stderr, "%s\n", neighbors.status().message().c_str()), 1;
  for (const auto& edge : neighbors->edges)
    std::printf("%s -%s-> %s\n", edge.source_key.c_str(), edge.type.c_str(), edge.target_key.c_str());

  auto recall = client->recall({.seeds = {{"ada"}}});
  if (!recall.ok()) return std::fprintf(stderr, "%s\n", recall.status().message().c_str()), 1;
  for (const auto& hit : recall->hits) std::printf("%s %.3f\n", hit.vertex.key.c_str(), hit.activation);
}
