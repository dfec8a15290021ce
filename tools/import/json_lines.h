#pragma once
// JSON Lines: one vertex or edge a line, of every kind of value without loss.
//
//   {"type":"vertex","key":"ada","labels":["Person"],"properties":{"born":1815}}
//   {"type":"edge","source":"ada","edge_type":"KNOWS","target":"charles","rank":0,"weight":1.0,"properties":{}}
//
// A number with a point or an exponent is a float64, another an int64. What JSON has no form for is an object with one
// member:
// {"$timestamp":"2024-02-29T12:00:00Z"}, {"$bytes":"base64"}, {"$vector":[0.1,0.2]}, {"$float":"inf"}.

#include <string>
#include <string_view>

#include "client/engram/types.h"
#include "tools/import/json_tree.h"
#include "tools/import/record.h"

namespace engram::import {

/// Lines to records; holds the text that a record's views point to.
class JsonLineDecoder {
 public:
  JsonLineDecoder(std::string default_edge_type, bool create_missing)
      : default_edge_type_(std::move(default_edge_type)), create_missing_(create_missing) {}

  /// False: the line is bad, for the reason problem().
  bool decode(std::string_view line, Record& record);
  [[nodiscard]] const Problem& problem() const { return problem_; }

 private:
  bool fail(std::string message, std::size_t offset = 0);

  std::string default_edge_type_;
  bool create_missing_;
  Problem problem_;
  JsonTree tree_;   // of the line, its memory used again for the next
  std::string key_;
  std::string source_;
  std::string type_;
  std::string target_;
};

/// True of a line as export writes edges: to leave it out without reading all of it.
inline bool is_exported_edge(std::string_view line) { return line.starts_with(R"({"type":"edge",)"); }

/// One value as a line has it behind "name":. What is wrong with it; empty: nothing.
std::string parse_json_value(std::string_view text, client::Value& value);

/// Each appends one line with its end.
void append_json_line(std::string& out, const client::Vertex& vertex);
void append_json_line(std::string& out, const client::Edge& edge);

}  // namespace engram::import
