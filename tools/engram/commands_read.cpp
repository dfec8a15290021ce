// get, neighbors, scan.

#include <algorithm>
#include <charconv>

#include "tools/engram/command_support.h"
#include "tools/engram/json.h"
#include "tools/engram/property_text.h"

namespace engram::cli {

namespace {

Result<std::vector<client::VertexRef>> parse_refs(const std::vector<std::string>& keys, bool by_id) {
  std::vector<client::VertexRef> refs;
  for (const auto& key : keys) {
    if (!by_id) {
      refs.emplace_back(key);
      continue;
    }
    VertexId id;
    auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id.value);
    if (error != std::errc() || end != key.data() + key.size())
      return Status(Code::invalid_argument, "'" + key + "' is no vertex id", "--id");
    refs.emplace_back(id);
  }
  return refs;
}

void print_found(const client::Vertex& vertex, bool times) {
  print_vertex(vertex);
  if (!times) return;
  print_line("  " + ink(Ink::faint, "id       ") + std::to_string(vertex.id.value));
  print_line("  " + ink(Ink::faint, "version  ") + std::to_string(vertex.version));
  print_line("  " + ink(Ink::faint, "created  ") + show_time(vertex.created_ns));
  print_line("  " + ink(Ink::faint, "changed  ") + show_time(vertex.changed_ns));
}

void add_edge(Table& table, const client::Edge& edge, const std::string& key, client::Direction direction) {
  bool incoming = direction == client::Direction::in || (direction == client::Direction::both && edge.source_key != key);
  table.add({(incoming ? "<- " : "-> ") + edge.type, incoming ? edge.source_key : edge.target_key,
             show_number(edge.weight), edge.rank == 0 ? "" : std::to_string(edge.rank),
             show_properties(edge.properties)},
            {Ink::name, Ink::strong, Ink::number, Ink::plain, Ink::plain});
}

/// Whether counting has to look at the edges: the engine keeps a vertex's degrees by type only.
bool counts_one_by_one(const NeighborsArguments& arguments) {
  return arguments.edges.min_weight || arguments.edges.max_weight || !arguments.edges.edge_where.empty() ||
         !arguments.vertices.labels.empty() || !arguments.vertices.where.empty();
}

Result<std::uint64_t> count_edges(client::Client& client, const std::string& key, client::NeighborsQuery query) {
  query.limit = 10'000;
  query.projection.properties = query.projection.labels = query.projection.keys = false;
  std::uint64_t count = 0;
  do {
    auto page = client.neighbors(key, query);
    if (!page.ok()) return page.status();
    count += page->edges.size();
    query.cursor = page->cursor;
  } while (!query.cursor.empty());
  return count;
}

Result<client::Degree> degree_of(client::Client& client, const NeighborsArguments& arguments, const Filters& chosen,
                                 bool out, bool in) {
  if (!counts_one_by_one(arguments)) return client.degree(arguments.key, arguments.edges.types);
  client::Degree degree;
  for (auto direction : {client::Direction::out, client::Direction::in}) {
    bool outwards = direction == client::Direction::out;
    if (!(outwards ? out : in)) continue;
    auto count = count_edges(client, arguments.key,
                             {.direction = direction, .edges = chosen.edges, .target = chosen.vertices});
    if (!count.ok()) return count.status();
    (outwards ? degree.out : degree.in) = *count;
  }
  return degree;
}

void print_degree(Globals& globals, client::Client& client, const NeighborsArguments& arguments, const Filters& chosen) {
  bool both = !arguments.direction_is_given && arguments.edges.edge_where.empty();  // conditions on edges go outwards only
  bool out = both || chosen.direction != client::Direction::in;
  bool in = both || chosen.direction != client::Direction::out;
  auto degree = degree_of(client, arguments, chosen, out, in);
  auto* found = checked(globals, degree);
  if (found == nullptr) return;
  Json json{{"key", arguments.key}};
  std::string text;
  if (out) json["out"] = found->out, text = "out " + grouped(found->out);
  if (in) json["in"] = found->in, text += (text.empty() ? "in " : "  in ") + grouped(found->in);
  print_line(globals.json ? dump(json) : text);
}

void print_scanned(Globals& globals, const client::Vertex& vertex, bool keys_only) {
  if (globals.json) return print_line(dump(keys_only ? Json{{"key", vertex.key}} : to_json(vertex)));
  if (keys_only) return print_line(printable(vertex.key));
  std::string labels;
  for (const auto& label : vertex.labels) labels += " " + label;
  print_line(ink(Ink::strong, vertex.key) + ink(Ink::name, labels) +
             (vertex.properties.empty() ? "" : "  " + printable(show_properties(vertex.properties))));
}

void print_lookup(Globals& globals, client::Client& client, client::LookupQuery query, const ScanArguments& arguments) {
  std::uint64_t left = arguments.all ? UINT64_MAX : arguments.limit;
  for (bool more = true; more && !output_is_lost();) {
    query.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, 10'000));
    auto found = client.lookup(query);
    auto* page = checked(globals, found);
    if (page == nullptr) return;
    for (const auto& vertex : page->vertices) print_scanned(globals, vertex, arguments.keys_only);
    left -= std::min<std::uint64_t>(left, page->vertices.size());
    query.cursor = page->cursor;
    more = !page->cursor.empty() && left > 0;
    if (!more) note_limit(page->exceeded);
  }
}

/// An indexed look-up: one condition, and perhaps a label.
void run_lookup(Globals& globals, const ScanArguments& arguments) {
  auto condition = parse_filter(arguments.lookup);
  if (!condition.ok()) return report_usage(globals, condition.status());
  // The index knows nothing of them, and rows filtered here would be those of a cut answer.
  if (!arguments.vertices.where.empty() || arguments.vertices.labels.size() > 1)
    return report_usage(globals, Status(Code::invalid_argument,
                                        "an index answers one condition, of all vertices or of those with one label: give "
                                        "the condition as another --where, without --lookup",
                                        "--lookup"));
  client::LookupQuery query;
  query.index.property = condition->name;
  if (!arguments.vertices.labels.empty()) query.index.label = arguments.vertices.labels.front();
  switch (condition->comparison) {
    case client::Comparison::equal: query.equal = condition->value; break;
    case client::Comparison::less: query.max_exclusive = true; [[fallthrough]];
    case client::Comparison::less_or_equal: query.max = condition->value; break;
    case client::Comparison::greater: query.min_exclusive = true; [[fallthrough]];
    case client::Comparison::greater_or_equal: query.min = condition->value; break;
    default:
      return report_usage(globals, Status(Code::invalid_argument, "an index answers =, <, <=, > and >=", "--lookup"));
  }
  auto* client = open_client(globals);
  if (client == nullptr) return;
  print_lookup(globals, *client, std::move(query), arguments);
}

}  // namespace

void run_get(Globals& globals, const GetArguments& arguments) {
  auto refs = parse_refs(arguments.keys, arguments.by_id);
  if (!refs.ok()) return report_usage(globals, refs.status());
  auto* client = open_client(globals);
  if (client == nullptr) return;
  auto answer = client->get(*refs, {.only = arguments.only});
  auto* vertices = checked(globals, answer);
  if (vertices == nullptr) return;
  for (std::size_t i = 0; i < vertices->size(); ++i) {
    const auto& vertex = (*vertices)[i];
    if (!vertex.found) {
      globals.exit_code = exit_not_found;
      if (globals.json)
        print_line(dump({{"key", arguments.keys[i]}, {"found", false}}));
      else
        print_note("there is no vertex '" + arguments.keys[i] + "'");
    } else if (globals.json) {
      print_line(dump(to_json(vertex)));
    } else {
      print_found(vertex, arguments.times);
    }
  }
}

void run_neighbors(Globals& globals, const NeighborsArguments& arguments) {
  auto chosen = filters(globals, arguments.edges, arguments.vertices);
  if (!chosen) return;
  auto* client = open_client(globals);
  if (client == nullptr) return;
  if (arguments.count) return print_degree(globals, *client, arguments, *chosen);
  client::NeighborsQuery query{.direction = chosen->direction, .edges = chosen->edges, .target = chosen->vertices};
  Table table({"type", "neighbor", "weight", "rank", "properties"}, {false, false, true, true, false});
  std::uint64_t left = arguments.all ? UINT64_MAX : arguments.limit;
  bool more = true;
  while (more && left > 0 && !output_is_lost()) {
    query.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, 10'000));
    auto answer = client->neighbors(arguments.key, query);
    auto* page = checked(globals, answer);
    if (page == nullptr) return;
    for (const auto& edge : page->edges) {
      if (globals.json)
        print_line(dump(to_json(edge)));
      else
        add_edge(table, edge, arguments.key, query.direction);
    }
    left -= std::min<std::uint64_t>(left, page->edges.size());
    query.cursor = page->cursor;
    more = !page->cursor.empty();
  }
  if (!table.empty()) table.print();
  if (more) print_note("note: there are more than " + grouped(arguments.limit) + " (--limit, --all)");
}

void run_scan(Globals& globals, const ScanArguments& arguments) {
  if (!arguments.lookup.empty()) return run_lookup(globals, arguments);
  auto filter = vertex_filter(arguments.vertices);
  if (!filter.ok()) return report_usage(globals, filter.status());
  auto* client = open_client(globals);
  if (client == nullptr) return;
  client::ScanQuery query;
  query.filter = *filter;
  if (!query.filter.labels.empty()) {
    // The label index finds the first; the others are filtered.
    query.label = query.filter.labels.front();
    query.filter.labels.erase(query.filter.labels.begin());
  }
  query.projection.properties = !arguments.keys_only;
  query.projection.labels = !arguments.keys_only;
  // One more than is shown, to know whether there are more.
  std::uint64_t wanted = arguments.all ? UINT64_MAX : arguments.limit;
  query.limit = arguments.all ? 0 : arguments.limit + 1;
  std::uint64_t shown = 0;
  bool more = false;
  auto end = client->scan(query, [&](client::ScanPage& page) {
    for (const auto& vertex : page.vertices) {
      if (shown == wanted) {
        more = true;
        return false;
      }
      print_scanned(globals, vertex, arguments.keys_only);
      ++shown;
    }
    return !output_is_lost();
  });
  if (checked(globals, end) != nullptr && more)
    print_note("note: there are more than " + grouped(arguments.limit) + " (--limit, --all)");
}

}  // namespace engram::cli
