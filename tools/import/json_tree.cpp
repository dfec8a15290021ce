#include "tools/import/json_tree.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "storage/base/hex.h"
#include "tools/import/csv_reader.h"

namespace engram::import {

namespace {

constexpr std::size_t max_depth = 16;

// What a vertex or an edge may have as it is stored: schema/command.capnp.
constexpr std::size_t max_stored_bytes = std::size_t{16} << 20;
static_assert(max_row_bytes <= UINT32_MAX, "nodes hold places in a row as 32 bits");

/// A lower bound, so that no line is refused that can be stored: docs/disk-format.md, "Properties".
std::size_t least_stored_bytes(JsonKind kind) {
  switch (kind) {
    case JsonKind::integer:
    case JsonKind::array: return 2;    // a tag, and a number or a count
    case JsonKind::number: return 4;   // in a vector
    default: return 1;
  }
}

}  // namespace

/// Fills the tree from the parser's events. Every event answers whether to go on.
class JsonTree::Builder {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  explicit Builder(JsonTree& tree) : nodes_(tree.nodes_), texts_(tree.texts_), tree_(tree) {}

  bool null() { return place(JsonKind::null); }
  bool boolean(bool value) { return place(JsonKind::boolean, value ? 1 : 0); }
  bool number_integer(number_integer_t value) { return place(JsonKind::integer, value); }
  bool number_unsigned(number_unsigned_t value) {
    if (value > static_cast<number_unsigned_t>(INT64_MAX)) return refuse(std::to_string(value) + too_large);
    return number_integer(static_cast<number_integer_t>(value));
  }
  bool number_float(number_float_t, const string_t& written) {
    if (written.find_first_of(".eE") == string_t::npos) return refuse(written + too_large);
    return place_text(JsonKind::number, written);
  }
  bool string(string_t& value) { return place_text(JsonKind::text, value); }
  bool binary(binary_t&) { return refuse("binary values are not JSON"); }
  bool start_object(std::size_t) { return open(JsonKind::object); }
  bool start_array(std::size_t) { return open(JsonKind::array); }
  bool end_object() { return check_names(open_.back()) && close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    ++nodes_[open_.back()].items.count;
    return append_text(JsonKind::text, name);
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
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size()); }
  bool append(JsonKind kind) {
    stored_bytes_ += least_stored_bytes(kind);
    if (stored_bytes_ > max_stored_bytes)
      return refuse("more values than the 16 MiB hold that one vertex or edge may have: leave some out");
    nodes_.emplace_back().kind = kind;
    return true;
  }
  bool append_text(JsonKind kind, std::string_view text) {
    if (!append(kind)) return false;
    nodes_.back().text = {static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(text.size())};
    texts_ += text;
    return true;
  }
  void count_item() {
    if (open_.empty()) return;
    Node& parent = nodes_[open_.back()];
    if (parent.kind == JsonKind::array) ++parent.items.count;   // a member was counted with its name
  }
  bool place(JsonKind kind, std::int64_t integer = 0) {
    count_item();
    if (!append(kind)) return false;
    nodes_.back().integer = integer;
    return true;
  }
  bool place_text(JsonKind kind, std::string_view text) {
    count_item();
    return append_text(kind, text);
  }
  bool open(JsonKind kind) {
    if (open_.size() >= max_depth) return refuse("nested deeper than 16 levels");
    std::uint32_t at = size();
    if (!place(kind)) return false;
    nodes_[at].items = {0, 0};
    open_.push_back(at);
    return true;
  }
  bool close() {
    nodes_[open_.back()].items.end = size();
    open_.pop_back();
    return true;
  }
  /// Once for each object, so that one with many members takes no time for each pair of them.
  bool check_names(std::uint32_t object) {
    names_.clear();
    for (std::uint32_t at = object + 1; at < size(); at = tree_.behind(at + 1)) names_.push_back(tree_.text_of(nodes_[at]));
    std::sort(names_.begin(), names_.end());
    auto twice = std::adjacent_find(names_.begin(), names_.end());
    return twice == names_.end() || refuse("the member \"" + std::string(*twice) + "\" stands there twice");
  }

  std::vector<Node>& nodes_;
  std::string& texts_;
  JsonTree& tree_;
  std::vector<std::uint32_t> open_;
  std::vector<std::string_view> names_;
  std::size_t stored_bytes_ = 0;
};

JsonError JsonTree::parse(std::string_view text) {
  nodes_.clear();
  texts_.clear();
  Builder builder(*this);
  bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!parsed && builder.error.message.empty()) builder.error.message = "not valid JSON";
  builder.error.offset = std::min(builder.error.offset, text.size());
  return std::move(builder.error);
}

std::uint32_t JsonTree::behind(std::uint32_t at) const {
  const Node& node = nodes_[at];
  bool has_items = node.kind == JsonKind::array || node.kind == JsonKind::object;
  return has_items ? node.items.end : at + 1;
}

JsonKind JsonValue::kind() const { return tree_->nodes_[at_].kind; }
bool JsonValue::boolean() const { return kind() == JsonKind::boolean && tree_->nodes_[at_].integer != 0; }
std::int64_t JsonValue::integer() const { return kind() == JsonKind::integer ? tree_->nodes_[at_].integer : 0; }

std::string_view JsonValue::text() const {
  bool has_text = kind() == JsonKind::text || kind() == JsonKind::number;
  return has_text ? tree_->text_of(tree_->nodes_[at_]) : std::string_view();
}

std::uint32_t JsonValue::size() const {
  bool has_items = kind() == JsonKind::array || kind() == JsonKind::object;
  return has_items ? tree_->nodes_[at_].items.count : 0;
}

std::string_view JsonValue::name() const { return tree_->text_of(tree_->nodes_[at_ - 1]); }

JsonValue::Range JsonValue::items() const {
  bool named = kind() == JsonKind::object;
  return {Iterator(*tree_, at_ + 1, named), Iterator(*tree_, tree_->behind(at_), named)};
}

JsonValue::Iterator& JsonValue::Iterator::operator++() {
  at_ = tree_->behind(named_ ? at_ + 1 : at_);
  return *this;
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
