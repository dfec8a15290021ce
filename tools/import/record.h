#pragma once
// What a row of any format means: one vertex or one edge, to be made or changed.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "client/engram/batch.h"
#include "tools/import/csv_reader.h"

namespace engram::import {

enum class RecordKind : std::uint8_t { vertex, edge };

/// Made once and filled again for every row, so that a row costs no allocation. The views live until the next row is
/// read.
struct Record {
  RecordKind kind = RecordKind::vertex;
  // Of a vertex
  std::string_view key;
  client::VertexOptions vertex;
  // Of an edge
  std::string_view source;
  std::string_view type;
  std::string_view target;
  client::EdgeOptions edge;
  // Where their cells begin in the row's bytes; 0 in formats without cells
  std::uint32_t key_offset = 0;
  std::uint32_t source_offset = 0;
  std::uint32_t target_offset = 0;
};

/// Why a row is no record, and where in it.
struct Problem {
  std::size_t offset = 0;   // in the row's bytes
  std::string message;
};

/// The same for a person: "routes.csv:12:8: ...".
struct RowError {
  std::string file;
  TextPosition position;
  std::string message;
  [[nodiscard]] std::string text() const {
    return file + ':' + std::to_string(position.line) + ':' + std::to_string(position.column) + ": " + message;
  }
};

/// About how many bytes the record takes in a command, never less.
std::size_t encoded_bytes(const Record& record);
std::size_t encoded_bytes(const client::Value& value);
std::size_t encoded_bytes(const client::Property& property);
std::size_t encoded_label_bytes(const std::string& label);

/// Two records with the same identity change the same vertex or edge. (A hash: others may share it, rarely.)
std::uint64_t identity_of(const Record& record);

/// Hands out the properties of a list one by one, reusing what earlier rows left there.
class PropertyFiller {
 public:
  explicit PropertyFiller(std::vector<client::Property>& properties) : properties_(properties) {}
  client::Value& add(std::string_view name) {
    if (count_ == properties_.size()) properties_.emplace_back();
    client::Property& property = properties_[count_++];
    property.name.assign(name);
    return property.value;
  }
  /// Cuts off what earlier rows had more.
  void finish() { properties_.resize(count_); }

 private:
  std::vector<client::Property>& properties_;
  std::size_t count_ = 0;
};

}  // namespace engram::import
