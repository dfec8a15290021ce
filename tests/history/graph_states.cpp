#include "tests/history/graph_states.h"

namespace engram::test {

std::int64_t number_of(const client::Vertex& vertex, const std::string& property) {
  const client::Value* value = client::find_property(vertex.properties, property);
  const std::int64_t* number = value == nullptr ? nullptr : value->get_if<std::int64_t>();
  return number == nullptr ? 0 : *number;
}

history::AccountState account_state(const std::string& key, const client::Vertex& vertex) {
  return {key, vertex.version, number_of(vertex, "balance"), number_of(vertex, "last")};
}

history::ListAccess list_state(const std::string& key, const client::Vertex& vertex) {
  history::ListAccess access;
  access.key = key;
  if (!vertex.found) return access;
  access.version = vertex.version;
  const client::Value* value = client::find_property(vertex.properties, "list");
  const client::List* list = value == nullptr ? nullptr : value->get_if<client::List>();
  if (list == nullptr) return access;
  for (const client::Value& element : *list)
    if (const std::int64_t* number = element.get_if<std::int64_t>()) access.read.push_back(*number);
  return access;
}

client::VertexOptions with_properties(std::vector<client::Property> properties) {
  client::VertexOptions options;
  options.properties = std::move(properties);
  return options;
}

client::Value value_of(const std::vector<history::Element>& elements) {
  client::List list;
  for (history::Element element : elements) list.emplace_back(element);
  return list;
}

}  // namespace engram::test
