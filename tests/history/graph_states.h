#pragma once
// What is in the graph for whom: the vertices and edges of a load, as the checkers want them.

#include <cstdint>
#include <string>
#include <vector>

#include "client/engram/batch.h"
#include "client/engram/types.h"
#include "tests/history/bank.h"
#include "tests/history/list_append.h"

namespace engram::test {

/// The integer in a property; 0 if there is none.
std::int64_t number_of(const client::Vertex& vertex, const std::string& property);
history::AccountState account_state(const std::string& key, const client::Vertex& vertex);
/// Of a vertex that is not there: at version 0.
history::ListAccess list_state(const std::string& key, const client::Vertex& vertex);

// And as a load writes them.
client::VertexOptions with_properties(std::vector<client::Property> properties);
client::Value value_of(const std::vector<history::Element>& elements);

}  // namespace engram::test
