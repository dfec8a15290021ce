#pragma once
// What a graph holds, as a flat table that is easy to compare: the oracle of the crash tests.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/engram/client.h"

namespace engram::test {

/// An item is a vertex with its property `value`, or an edge with its weight.
using GraphState = std::map<std::string, std::int64_t>;
/// Items as they are after a change; nothing: the item is gone.
using Effects = std::map<std::string, std::optional<std::int64_t>>;

std::string vertex_item(const std::string& key);
std::string edge_item(const client::EdgeKey& edge);

/// Reads the whole graph, and checks on the way that both ends of every edge agree and that the space's counts are true.
/// `server` is where `client` is connected. What is wrong is added to `problems`.
Result<GraphState> read_graph(client::Client& client, const std::string& server, std::vector<std::string>& problems);

/// Adds a line to `problems` for each item that differs, a dozen at most.
void compare(const GraphState& expected, const GraphState& actual, std::vector<std::string>& problems);

void apply(const Effects& effects, GraphState& state);

}  // namespace engram::test
