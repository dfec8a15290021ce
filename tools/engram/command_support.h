#pragma once
// Small steps that several commands share.

#include <optional>

#include "tools/engram/commands.h"
#include "tools/engram/output.h"

namespace engram::cli {

/// Wrong arguments: reported, exit code 2.
void report_usage(Globals& globals, const Status& status);

/// Null: reported. `T` is what `result` holds.
template <typename T>
T* checked(Globals& globals, Result<T>& result) {
  if (result.ok()) return &result.value();
  report_error(globals, result.status());
  return nullptr;
}

Result<client::Direction> parse_direction(const std::string& text);
Result<client::EdgeFilter> edge_filter(const EdgeArguments& arguments);
Result<client::VertexFilter> vertex_filter(const VertexArguments& arguments);

/// Direction and filters of a traversal; nothing: reported.
struct Filters {
  client::Direction direction = client::Direction::out;
  client::EdgeFilter edges;
  client::VertexFilter vertices;
};
std::optional<Filters> filters(Globals& globals, const EdgeArguments& edges, const VertexArguments& vertices);

/// Prints what became of a change, and sets the exit code.
void report_outcome(Globals& globals, const client::Outcome& outcome);
/// Says on standard error that an answer was cut by a limit.
void note_limit(client::Limit exceeded);

}  // namespace engram::cli
