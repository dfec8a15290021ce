// Any bytes as the request of a read: refused with a message, or answered by a query over a small graph.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <capnp/serialize.h>

#include "tests/support/core_cluster.h"

namespace {

using namespace engram;

std::unique_ptr<test::CoreCluster> small_graph() {
  auto cluster = std::make_unique<test::CoreCluster>(2);
  Outcome loaded = cluster->batch([](schema::Batch::Builder batch) {
    auto operations = batch.initOperations(40);
    for (unsigned i = 0; i < 40; ++i) {
      auto put = operations[i].initPutEdge();
      put.setCreateMissing(true);
      put.getEdge().setSource(std::string(1, static_cast<char>('a' + i % 10)).c_str());
      put.getEdge().setType(i % 3 == 0 ? "likes" : "knows");
      put.getEdge().setTarget(std::string(1, static_cast<char>('a' + i * 7 % 10)).c_str());
      put.setWeight(i % 5 * 0.25);
    }
  });
  if (!loaded.status.ok()) std::abort();
  return cluster;
}

template <typename Request, typename Make>
void ask(test::CoreCluster& cluster, capnp::MessageReader& message, const Make& make) {
  auto request = message.getRoot<Request>();
  Status status = validate(request);
  if (!status.ok()) {
    if (status.message().empty()) std::abort();
    return;
  }
  test::QueryLoop loop(cluster);
  loop.interrupt_at = 2000;
  try {
    (void)loop.run(make(cluster.context(), request));
  } catch (const std::runtime_error&) {
    std::abort();  // no reply, or more than one
  }
}

void ask_any(test::CoreCluster& cluster, unsigned kind, capnp::MessageReader& message) {
  switch (kind) {
    case 0: return ask<schema::GetRequest>(cluster, message, make_get);
    case 1: return ask<schema::GetEdgeRequest>(cluster, message, make_get_edges);
    case 2: return ask<schema::NeighborsRequest>(cluster, message, make_neighbors);
    case 3: return ask<schema::DegreeRequest>(cluster, message, make_degree);
    case 4: return ask<schema::ExpandRequest>(cluster, message, make_expand);
    case 5: return ask<schema::PathRequest>(cluster, message, make_path);
    case 6: return ask<schema::RecallRequest>(cluster, message, make_recall);
    case 7: return ask<schema::LookupRequest>(cluster, message, make_lookup);
    default:
      return ask<schema::ScanRequest>(cluster, message, [](const QueryContext& context, schema::ScanRequest::Reader request) {
        return make_scan_page(context, request, 100, 10'000);
      });
  }
}

}  // namespace

/// The first byte chooses the request, the rest is its message without a header.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<test::CoreCluster> cluster = small_graph();
  if (size < 9) return 0;
  auto words = kj::heapArray<capnp::word>((size - 1) / sizeof(capnp::word));
  std::memcpy(words.begin(), data + 1, words.size() * sizeof(capnp::word));
  kj::ArrayPtr<const capnp::word> segment = words;
  capnp::ReaderOptions options;
  options.nestingLimit = 32;
  auto refused = kj::runCatchingExceptions([&] {
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1), options);
    ask_any(*cluster, data[0] % 9, message);
  });
  (void)refused;  // malformed Cap'n Proto; whatever else is thrown ends the program
  return 0;
}
