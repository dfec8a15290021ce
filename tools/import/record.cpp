#include "tools/import/record.h"

#include "storage/base/checksum.h"

namespace engram::import {

namespace {

// Of the command's structs with their pointers; see schema/command.capnp.
constexpr std::size_t operation_bytes = 136;
constexpr std::size_t property_bytes = 40;
constexpr std::size_t value_bytes = 24;

/// Text ends in a NUL and takes whole words.
std::size_t text_bytes(std::size_t size) { return (size + 8) / 8 * 8; }

std::size_t properties_bytes(const std::vector<client::Property>& properties) {
  std::size_t bytes = 8;
  for (const auto& property : properties) bytes += encoded_bytes(property);
  return bytes;
}

}  // namespace

std::size_t encoded_bytes(const client::Value& value) {
  if (const auto* text = value.get_if<std::string>()) return value_bytes + text_bytes(text->size());
  if (const auto* blob = value.get_if<client::Blob>()) return value_bytes + text_bytes(blob->bytes.size());
  if (const auto* vector = value.get_if<client::Vector>())
    return value_bytes + text_bytes(vector->size() * sizeof(float));
  std::size_t bytes = value_bytes;
  if (const auto* list = value.get_if<client::List>()) {
    bytes += 8;
    for (const auto& item : *list) bytes += encoded_bytes(item);
  }
  return bytes;
}

std::size_t encoded_bytes(const client::Property& property) {
  return property_bytes + text_bytes(property.name.size()) + encoded_bytes(property.value);
}

std::size_t encoded_label_bytes(const std::string& label) { return 8 + text_bytes(label.size()); }

std::size_t encoded_bytes(const Record& record) {
  if (record.kind == RecordKind::edge) {
    return operation_bytes + text_bytes(record.source.size()) + text_bytes(record.type.size()) +
           text_bytes(record.target.size()) + properties_bytes(record.edge.properties);
  }
  std::size_t bytes = operation_bytes + text_bytes(record.key.size()) + properties_bytes(record.vertex.properties);
  for (const auto& label : record.vertex.labels) bytes += encoded_label_bytes(label);
  return bytes;
}

std::uint64_t identity_of(const Record& record) {
  if (record.kind == RecordKind::vertex) return checksum64(as_bytes(record.key));
  std::uint64_t identity = checksum64(as_bytes(record.source), 1);
  identity = checksum64(as_bytes(record.target), identity);
  return checksum64(as_bytes(record.type), identity ^ static_cast<std::uint64_t>(record.edge.rank));
}

}  // namespace engram::import
