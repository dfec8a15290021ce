#pragma once
// Vertices and edges as rows of CSV, in the form that import reads. Pure: knows no file and no engine.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client/engram/types.h"
#include "storage/base/result.h"
#include "tools/import/value_text.h"

namespace engram::import {

/// The columns of one file. A CSV column has one type for all rows, so everything is looked at before the first row is
/// written. Errors say what does not fit, and that JSON Lines holds it.
class CsvTable {
 public:
  explicit CsvTable(Convention convention) : convention_(convention) {}

  // First, all that will be written.
  Status observe(const client::Vertex& vertex);
  Status observe(const client::Edge& edge);

  // Then, each with its line end.
  void append_vertex_header(std::string& out) const;
  void append_edge_header(std::string& out) const;
  Status append(const client::Vertex& vertex, std::string& out);
  Status append(const client::Edge& edge, std::string& out);

 private:
  struct PropertyColumn {
    FittingType type;
    std::size_t place = 0;   // among the properties, by name
  };

  Status observe(const std::vector<client::Property>& properties, const std::string& owner);
  void append_property_header(std::string& out) const;
  Status append_properties(const std::vector<client::Property>& properties, const std::string& owner, std::string& out);

  Convention convention_;
  std::map<std::string, PropertyColumn, std::less<>> columns_;
  bool has_ranks_ = false;     // another than 0
  bool has_weights_ = false;   // another than 1
  std::uint64_t edges_written_ = 0;
  std::vector<const client::Value*> row_;
  std::string cell_;
};

}  // namespace engram::import
