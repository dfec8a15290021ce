#include "tools/import/json_lines.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "tools/import/json_tree.h"
#include "tools/import/row_decoder.h"
#include "tools/import/timestamp_text.h"
#include "tools/import/value_text.h"

namespace engram::import {

namespace {

using Kind = JsonKind;

/// Of an integer, too: {"weight": 2}.
template <typename Number>
bool read_number(JsonValue node, Number& number) {
  if (node.kind() == Kind::integer) {
    number = static_cast<Number>(node.integer());
    return true;
  }
  if (node.kind() != Kind::number) return false;
  const char* end = node.text().data() + node.text().size();
  auto [stopped, error] = std::from_chars(node.text().data(), end, number);
  if (error == std::errc::result_out_of_range) {  // too small to tell from 0, or too large for any
    double wide = std::strtod(std::string(node.text()).c_str(), nullptr);
    number = static_cast<Number>(wide);
    return std::isfinite(number);
  }
  return error == std::errc() && stopped == end;
}

bool read_infinity(JsonValue node, float& number) {
  if (node.text() != "inf" && node.text() != "-inf") return false;
  number = node.text() == "inf" ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity();
  return true;
}

bool read_vector(JsonValue node, client::Vector& vector) {
  if (node.kind() != Kind::array) return false;
  vector.resize(node.size());
  float* number = vector.data();
  for (JsonValue item : node.items()) {
    bool good = item.kind() == Kind::text ? read_infinity(item, *number) : read_number(item, *number);
    if (!good) return false;
    ++number;
  }
  return true;
}

/// An object with one member.
std::string read_special(JsonValue node, client::Value& value) {
  JsonValue content = *node.items().begin();
  std::string_view name = content.name();
  if (name == "$timestamp") {
    auto ns = content.kind() == Kind::text ? parse_timestamp(content.text()) : std::nullopt;
    if (!ns) return "$timestamp takes a time like \"2024-02-29T13:05:07.5Z\"";
    value.data = client::Timestamp{*ns};
  } else if (name == "$bytes") {
    auto bytes = content.kind() == Kind::text ? from_base64(content.text()) : std::nullopt;
    if (!bytes) return "$bytes takes base64";
    value.data = client::Blob{std::move(*bytes)};
  } else if (name == "$vector") {
    client::Vector vector;
    if (!read_vector(content, vector)) return "$vector takes a list of numbers";
    value.data = std::move(vector);
  } else if (name == "$float" && content.kind() == Kind::text && (content.text() == "inf" || content.text() == "-inf")) {
    value.data = content.text() == "inf" ? HUGE_VAL : -HUGE_VAL;
  } else {
    return "an object is no value; known are {\"$timestamp\":...}, {\"$bytes\":...}, {\"$vector\":...} and "
           "{\"$float\":\"inf\"}";
  }
  return {};
}

std::string read_value(JsonValue node, client::Value& value) {
  switch (node.kind()) {
    case Kind::null: value.data = std::monostate(); return {};
    case Kind::boolean: value.data = node.boolean(); return {};
    case Kind::integer: value.data = node.integer(); return {};
    case Kind::text: value.data = std::string(node.text()); return {};
    case Kind::number: {
      double number = 0;
      if (!read_number(node, number)) return std::string(node.text()) + " is too large for a float64";
      value.data = number;
      return {};
    }
    case Kind::array: {
      client::List list(node.size());
      client::Value* next = list.data();
      for (JsonValue item : node.items())
        if (std::string message = read_value(item, *next++); !message.empty()) return message;
      value.data = std::move(list);
      return {};
    }
    case Kind::object:
      if (node.size() == 1) return read_special(node, value);
      return "an object is no value; give its members as properties of their own";
  }
  return "unknown kind of value";
}

std::string read_properties(JsonValue node, std::vector<client::Property>& properties) {
  PropertyFiller filler(properties);
  if (node.kind() != Kind::object) return "\"properties\" takes an object";
  for (JsonValue member : node.items()) {
    std::string_view name = member.name();
    if (name.empty() || name.size() > 256) return "a property's name has 1 to 256 bytes";
    if (std::string message = read_value(member, filler.add(name)); !message.empty())
      return "property \"" + std::string(name) + "\": " + message;
  }
  filler.finish();
  return {};
}

std::string read_labels(JsonValue node, std::vector<std::string>& labels) {
  if (node.kind() != Kind::array) return "\"labels\" takes a list of texts";
  for (JsonValue item : node.items()) {
    if (item.kind() != Kind::text) return "\"labels\" takes a list of texts";
    labels.emplace_back(item.text());
  }
  return {};
}

std::string read_text(JsonValue node, std::string_view name, std::string& text) {
  if (node.kind() != Kind::text) return '"' + std::string(name) + "\" takes a text";
  text = node.text();
  return {};
}

std::string unknown_member(std::string_view name, std::string_view known) {
  return "unknown member \"" + std::string(name) + "\"; known are " + std::string(known);
}

std::string read_vertex(JsonValue root, client::VertexOptions& vertex, std::string& key) {
  for (JsonValue node : root.items()) {
    std::string_view name = node.name();
    std::string message;
    if (name == "key") {
      message = read_text(node, name, key);
    } else if (name == "labels") {
      message = read_labels(node, vertex.labels);
    } else if (name == "properties") {
      message = read_properties(node, vertex.properties);
    } else if (name != "type") {
      message = unknown_member(name, "type, key, labels and properties");
    }
    if (!message.empty()) return message;
  }
  return problem_of_key(key);
}

struct EdgeTexts {
  std::string& source;
  std::string& type;
  std::string& target;
};

std::string read_edge(JsonValue root, client::EdgeOptions& edge, EdgeTexts texts) {
  for (JsonValue node : root.items()) {
    std::string_view name = node.name();
    std::string message;
    if (name == "source") {
      message = read_text(node, name, texts.source);
    } else if (name == "target") {
      message = read_text(node, name, texts.target);
    } else if (name == "edge_type" || name == "label") {
      message = read_text(node, name, texts.type);
    } else if (name == "rank") {
      edge.rank = node.integer();
      if (node.kind() != Kind::integer) message = "\"rank\" takes an integer";
    } else if (name == "weight") {
      if (!read_number(node, edge.weight)) message = "\"weight\" takes a finite number";
      edge.keep_weight = false;
    } else if (name == "properties") {
      message = read_properties(node, edge.properties);
    } else if (name != "type") {
      message = unknown_member(name, "type, source, edge_type (or label), target, rank, weight and properties");
    }
    if (!message.empty()) return message;
  }
  if (std::string message = problem_of_key(texts.source); !message.empty()) return "\"source\": " + message;
  if (std::string message = problem_of_key(texts.target); !message.empty()) return "\"target\": " + message;
  return problem_of_type(texts.type);
}

void append_float(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += number > 0 ? R"({"$float":"inf"})" : R"({"$float":"-inf"})";
    return;
  }
  std::size_t before = out.size();
  append_number(out, number);
  if (out.find_first_of(".e", before) == std::string::npos) out += ".0";  // else it reads back as an integer
}

void append_vector(std::string& out, const client::Vector& vector) {
  out += R"({"$vector":[)";
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += ',';
    bool finite = std::isfinite(vector[i]);
    if (!finite) out += '"';
    append_number(out, vector[i]);
    if (!finite) out += '"';
    if (vector[i] == 0 && std::signbit(vector[i])) out += ".0";  // an integer has no minus zero
  }
  out += "]}";
}

void append_json_value(std::string& out, const client::Value& value) {
  if (const auto* boolean = value.get_if<bool>()) {
    out += *boolean ? "true" : "false";
  } else if (const auto* integer = value.get_if<std::int64_t>()) {
    out += std::to_string(*integer);
  } else if (const auto* number = value.get_if<double>()) {
    append_float(out, *number);
  } else if (const auto* text = value.get_if<std::string>()) {
    append_json_text(out, *text);
  } else if (const auto* time = value.get_if<client::Timestamp>()) {
    out += R"({"$timestamp":")";
    append_timestamp(out, time->ns);
    out += "\"}";
  } else if (const auto* blob = value.get_if<client::Blob>()) {
    out += R"({"$bytes":")" + to_base64(blob->bytes) + "\"}";
  } else if (const auto* vector = value.get_if<client::Vector>()) {
    append_vector(out, *vector);
  } else if (const auto* list = value.get_if<client::List>()) {
    out += '[';
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (i > 0) out += ',';
      append_json_value(out, (*list)[i]);
    }
    out += ']';
  } else {
    out += "null";
  }
}

void append_properties(std::string& out, const std::vector<client::Property>& properties) {
  out += R"(,"properties":{)";
  for (std::size_t i = 0; i < properties.size(); ++i) {
    if (i > 0) out += ',';
    append_json_text(out, properties[i].name);
    out += ':';
    append_json_value(out, properties[i].value);
  }
  out += "}}\n";
}

}  // namespace

bool JsonLineDecoder::fail(std::string message, std::size_t offset) {
  problem_ = {offset, std::move(message)};
  return false;
}

std::string parse_json_value(std::string_view text, client::Value& value) {
  JsonTree tree;
  if (JsonError error = tree.parse(text); !error.message.empty()) return std::move(error.message);
  return read_value(tree.root(), value);
}

bool JsonLineDecoder::decode(std::string_view line, Record& record) {
  if (JsonError error = tree_.parse(line); !error.message.empty()) return fail(std::move(error.message), error.offset);
  JsonValue root = tree_.root();
  if (root.kind() != Kind::object) return fail("a line is one object with the member \"type\"");
  std::string_view kind;
  for (JsonValue member : root.items())
    if (member.name() == "type") kind = member.text();
  if (kind != "vertex" && kind != "edge") return fail("the member \"type\" has to be \"vertex\" or \"edge\"");
  key_.clear();
  source_.clear();
  target_.clear();
  type_ = default_edge_type_;
  std::string message;
  if (kind == "vertex") {
    record.kind = RecordKind::vertex;
    record.vertex.labels.clear();
    record.vertex.properties.clear();
    message = read_vertex(root, record.vertex, key_);
    record.key = key_;
  } else {
    record.kind = RecordKind::edge;
    record.edge = client::EdgeOptions{.keep_weight = true, .create_missing = create_missing_};
    message = read_edge(root, record.edge, {source_, type_, target_});
    record.source = source_;
    record.type = type_;
    record.target = target_;
  }
  return message.empty() || fail(std::move(message));
}

void append_json_line(std::string& out, const client::Vertex& vertex) {
  out += R"({"type":"vertex","key":)";
  append_json_text(out, vertex.key);
  out += R"(,"labels":[)";
  for (std::size_t i = 0; i < vertex.labels.size(); ++i) {
    if (i > 0) out += ',';
    append_json_text(out, vertex.labels[i]);
  }
  out += ']';
  append_properties(out, vertex.properties);
}

void append_json_line(std::string& out, const client::Edge& edge) {
  out += R"({"type":"edge","source":)";
  append_json_text(out, edge.source_key);
  out += R"(,"edge_type":)";
  append_json_text(out, edge.type);
  out += R"(,"target":)";
  append_json_text(out, edge.target_key);
  if (edge.rank != 0) out += ",\"rank\":" + std::to_string(edge.rank);
  out += ",\"weight\":";
  append_float(out, edge.weight);
  append_properties(out, edge.properties);
}

}  // namespace engram::import
