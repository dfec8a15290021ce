#include "tools/import/json_tree.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "storage/base/hex.h"

namespace engram::import {

namespace {

constexpr std::size_t max_depth = 16;

/// Builds the tree from the parser's events. Every event answers whether to go on.
class TreeBuilder {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  explicit TreeBuilder(JsonNode& root) : root_(root) {}

  bool null() { return place(JsonNode::Kind::null) != nullptr; }
  bool boolean(bool value) {
    JsonNode* node = place(JsonNode::Kind::boolean);
    if (node != nullptr) node->boolean = value;
    return node != nullptr;
  }
  bool number_integer(number_integer_t value) {
    JsonNode* node = place(JsonNode::Kind::integer);
    if (node != nullptr) node->integer = value;
    return node != nullptr;
  }
  bool number_unsigned(number_unsigned_t value) {
    if (value > static_cast<number_unsigned_t>(INT64_MAX)) return refuse(std::to_string(value) + too_large);
    return number_integer(static_cast<number_integer_t>(value));
  }
  bool number_float(number_float_t, const string_t& written) {
    if (written.find_first_of(".eE") == string_t::npos) return refuse(written + too_large);
    return place_text(JsonNode::Kind::number, written);
  }
  bool string(string_t& value) { return place_text(JsonNode::Kind::text, value); }
  bool binary(binary_t&) { return refuse("binary values are not JSON"); }
  bool start_object(std::size_t) { return open(JsonNode::Kind::object); }
  bool start_array(std::size_t) { return open(JsonNode::Kind::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    JsonNode& object = *open_.back();
    if (object.member(name) != nullptr) return refuse("the member \"" + name + "\" stands there twice");
    object.names.push_back(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& exception) {
    // "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error while ...": ours names the place.
    std::string_view what = exception.what();
    std::size_t colon = what.find(": ");
    error.message = "not valid JSON: " + std::string(colon == what.npos ? what : what.substr(colon + 2));
    error.offset = position > 0 ? position - 1 : 0;
    return false;
  }

  JsonError error;

 private:
  static constexpr const char* too_large = " is no integer of 64 bits; write it with a point to make it a float";

  bool refuse(std::string message) {
    error.message = std::move(message);
    return false;
  }
  JsonNode* place(JsonNode::Kind kind) {
    JsonNode* node = open_.empty() ? &root_ : &open_.back()->items.emplace_back();
    node->kind = kind;
    return node;
  }
  bool place_text(JsonNode::Kind kind, const std::string& text) {
    place(kind)->text = text;
    return true;
  }
  bool open(JsonNode::Kind kind) {
    if (open_.size() >= max_depth) return refuse("nested deeper than 16 levels");
    // Only the innermost open node grows, so the pointers to those around it stay valid.
    open_.push_back(place(kind));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  JsonNode& root_;
  std::vector<JsonNode*> open_;
};

}  // namespace

JsonError parse_json(std::string_view text, JsonNode& root) {
  root = JsonNode();
  TreeBuilder builder(root);
  bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!parsed && builder.error.message.empty()) builder.error.message = "not valid JSON";
  builder.error.offset = std::min(builder.error.offset, text.size());
  return builder.error;
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  for (char byte : text) {
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += byte;
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      out += "\\u00" + hex(as_bytes({&byte, 1}));
    } else {
      out += byte;
    }
  }
  out += '"';
}

}  // namespace engram::import
