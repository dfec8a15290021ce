#include "tools/engram/command_support.h"

#include "tools/engram/json.h"
#include "tools/engram/property_text.h"

namespace engram::cli {

void report_usage(Globals& globals, const Status& status) {
  report_error(globals, status);
  globals.exit_code = exit_usage;
}

Result<client::Direction> parse_direction(const std::string& text) {
  if (text == "out") return client::Direction::out;
  if (text == "in") return client::Direction::in;
  if (text == "both") return client::Direction::both;
  return Status(Code::invalid_argument, "'" + text + "' is no direction: out, in or both", "--direction");
}

Result<client::EdgeFilter> edge_filter(const EdgeArguments& arguments) {
  client::EdgeFilter filter;
  filter.types = arguments.types;
  if (arguments.min_weight) filter.min_weight = *arguments.min_weight;
  if (arguments.max_weight) filter.max_weight = *arguments.max_weight;
  auto properties = parse_filters(arguments.edge_where);
  if (!properties.ok()) return properties.status();
  filter.properties = std::move(properties).value();
  return filter;
}

Result<client::VertexFilter> vertex_filter(const VertexArguments& arguments) {
  auto properties = parse_filters(arguments.where);
  if (!properties.ok()) return properties.status();
  return client::VertexFilter{arguments.labels, std::move(properties).value()};
}

std::optional<Filters> filters(Globals& globals, const EdgeArguments& edges, const VertexArguments& vertices) {
  auto direction = parse_direction(edges.direction);
  auto edge = edge_filter(edges);
  auto vertex = vertex_filter(vertices);
  for (const auto& status : {direction.status(), edge.status(), vertex.status()}) {
    if (status.ok()) continue;
    report_usage(globals, status);
    return std::nullopt;
  }
  return Filters{*direction, std::move(edge).value(), std::move(vertex).value()};
}

namespace {

Status explain_unknown(const Status& status) {
  auto reason = status.message();
  bool ended = reason.ends_with('.') || reason.ends_with('?');
  return {status.code(),
          "the outcome is unknown: " + reason + (ended ? " " : ". ") + "Read what it was to change, or repeat it"};
}

}  // namespace

void report_outcome(Globals& globals, const client::Outcome& outcome) {
  if (!outcome.committed()) {
    bool unknown = outcome.fate == client::Fate::unknown;
    report_error(globals, unknown ? explain_unknown(outcome.status) : outcome.status);
    if (unknown) globals.exit_code = exit_unknown;
    return;
  }
  if (globals.json) return print_line(dump(to_json(outcome)));
  std::string text;
  auto add = [&](std::uint64_t count, const char* what) {
    if (count != 0) text += (text.empty() ? "" : ", ") + grouped(count) + " " + what;
  };
  add(outcome.created, "created");
  add(outcome.updated, "updated");
  add(outcome.deleted, "deleted");
  print_line(text.empty() ? "nothing to change" : text);
}

void note_limit(client::Limit exceeded) {
  if (exceeded != client::Limit::none)
    print_note(std::string("note: the answer was cut by the limit on ") + limit_name(exceeded));
}

}  // namespace engram::cli
