// expand, path, recall.

#include "tools/engram/command_support.h"
#include "tools/engram/json.h"
#include "tools/engram/property_text.h"

namespace engram::cli {

namespace {

Result<client::Normalise> parse_normalise(const std::string& text) {
  if (text == "none") return client::Normalise::none;
  if (text == "weight-sum") return client::Normalise::weight_sum;
  if (text == "fan-out") return client::Normalise::fan_out;
  return Status(Code::invalid_argument, "'" + text + "' is not none, weight-sum or fan-out", "--normalise");
}

void print_path(const client::Path& path, const PathArguments& arguments) {
  Table table({"vertex", "labels", "edge", arguments.by == "hops" ? "weight" : arguments.by},
              {false, false, false, true});
  for (std::size_t i = 0; i < path.vertices.size(); ++i) {
    const auto& vertex = path.vertices[i];
    std::string labels;
    for (const auto& label : vertex.labels) labels += (labels.empty() ? "" : " ") + label;
    std::string arrow, cost;
    if (i < path.edges.size()) {
      const auto& edge = path.edges[i];
      arrow = (edge.source_key == vertex.key ? "-> " : "<- ") + edge.type;
      const auto* property = client::find_property(edge.properties, arguments.by);
      cost = property != nullptr ? show(*property) : show_number(edge.weight);
    }
    table.add({vertex.key, labels, arrow, cost}, {Ink::strong, Ink::name, Ink::plain, Ink::number});
  }
  table.print();
  print_line(counted(path.edges.size(), "hop", "hops") +
             (arguments.by == "hops" ? "" : ", " + arguments.by + " " + show_number(path.cost)));
}

}  // namespace

void run_expand(Globals& globals, const ExpandArguments& arguments) {
  auto each_hop = arguments.each_hop;
  if (each_hop.empty()) each_hop.assign(arguments.hops, {arguments.edges, arguments.vertices});
  client::ExpandQuery query;
  for (const auto& hop : each_hop) {
    auto chosen = filters(globals, hop.edges, hop.vertices);
    if (!chosen) return;
    query.hops.push_back({chosen->direction, chosen->edges, chosen->vertices, 0});
  }
  for (const auto& key : arguments.keys) query.seeds.emplace_back(key);
  query.max_results = arguments.limit;
  query.result = arguments.properties ? client::ResultKind::vertices : client::ResultKind::keys;
  auto* client = open_client(globals);
  if (client == nullptr) return;
  auto answer = client->expand(query);
  auto* expansion = checked(globals, answer);
  if (expansion == nullptr) return;
  if (globals.json) return print_line(dump(to_json(*expansion)));
  Table table({"depth", "vertex", arguments.properties ? "properties" : ""}, {true, false, false});
  for (std::size_t i = 0; i < expansion->ids.size(); ++i) {
    bool whole = i < expansion->vertices.size();
    std::string key = whole ? expansion->vertices[i].key : i < expansion->keys.size() ? expansion->keys[i] : "";
    table.add({std::to_string(expansion->depths[i]), key,
               whole ? show_properties(expansion->vertices[i].properties) : ""},
              {Ink::number, Ink::strong, Ink::plain});
  }
  if (!table.empty()) table.print();
  note_limit(expansion->exceeded);
}

void run_path(Globals& globals, const PathArguments& arguments) {
  if (arguments.max_hops && arguments.by != "hops")
    return report_usage(globals, Status(Code::invalid_argument, "--max-hops bounds a search by hops: leave it out, or --by " +
                                                                    arguments.by));
  auto chosen = filters(globals, arguments.edges, arguments.vertices);
  if (!chosen) return;
  client::PathQuery query{.direction = chosen->direction, .edges = chosen->edges, .vertices = chosen->vertices};
  query.max_hops = arguments.max_hops.value_or(query.max_hops);
  if (arguments.by == "weight") {
    query.cost = client::PathQuery::Cost::weight;
  } else if (arguments.by != "hops") {
    query.cost = client::PathQuery::Cost::property;
    query.cost_property = arguments.by;
  }
  auto* client = open_client(globals);
  if (client == nullptr) return;
  auto answer = client->path(arguments.source, arguments.target, query);
  auto* path = checked(globals, answer);
  if (path == nullptr) return;
  if (!path->found) globals.exit_code = exit_not_found;
  if (globals.json) return print_line(dump(to_json(*path)));
  if (path->found)
    print_path(*path, arguments);
  else
    print_note("there is no path from '" + arguments.source + "' to '" + arguments.target + "' with these conditions");
  note_limit(path->exceeded);
}

void run_recall(Globals& globals, const RecallArguments& arguments) {
  auto chosen = filters(globals, arguments.edges, arguments.vertices);
  if (!chosen) return;
  auto normalise = parse_normalise(arguments.normalise);
  if (!normalise.ok()) return report_usage(globals, normalise.status());
  client::RecallQuery query;
  for (const auto& seed : arguments.seeds) query.seeds.push_back(parse_seed(seed));
  query.decay = arguments.decay;
  query.threshold = arguments.threshold;
  query.max_hops = arguments.hops;
  query.top = arguments.top;
  query.normalise = *normalise;
  query.direction = chosen->direction;
  query.edges = chosen->edges;
  query.vertices = chosen->vertices;
  query.include_seeds = arguments.include_seeds;
  auto* client = open_client(globals);
  if (client == nullptr) return;
  auto answer = client->recall(query);
  auto* recall = checked(globals, answer);
  if (recall == nullptr) return;
  if (globals.json) return print_line(dump(to_json(*recall)));
  Table table({"activation", "vertex", "by way of"}, {true, false, false});
  for (const auto& hit : recall->hits) {
    std::string way;
    for (const auto& key : hit.path_keys) way += (way.empty() ? "" : " > ") + key;
    char activation[32];
    std::snprintf(activation, sizeof activation, "%.6f", hit.activation);
    table.add({activation, hit.vertex.key, way}, {Ink::number, Ink::strong, Ink::faint});
  }
  if (!table.empty()) table.print();
  note_limit(recall->exceeded);
}

}  // namespace engram::cli
