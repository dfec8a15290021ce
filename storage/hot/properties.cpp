#include "storage/hot/properties.h"

#include <kj/exception.h>

#include <algorithm>
#include <cmath>

#include "storage/base/damage.h"
#include "storage/hot/packed_value.h"

namespace engram {
namespace {

void append_tag(std::string& out, ValueTag tag) { out.push_back(static_cast<char>(tag)); }

template <typename T>
void append_fixed(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

template <typename Content>
void append_counted(std::string& out, const Content& content) {
  append_varint(out, content.size());
  out.append(reinterpret_cast<const char*>(content.begin()), content.size());
}

Status nan_refused() {
  return {Code::invalid_argument, "NaN is not a value; leave the property out or use another number"};
}

Status too_large_value() {
  return {Code::too_large,
          "a value takes more than " + std::to_string(ValueLimits::max_bytes) + " bytes; store it in parts", {},
          ValueLimits::max_bytes};
}

Status pack_vector(capnp::List<float>::Reader vector, std::string& out) {
  if (vector.size() > ValueLimits::max_bytes / sizeof(float)) return too_large_value();
  append_tag(out, ValueTag::vector);
  append_varint(out, vector.size());
  for (float element : vector) {
    if (std::isnan(element)) return nan_refused();
    append_fixed(out, element);
  }
  return {};
}

Status pack_nested(schema::Value::Reader value, unsigned lists_left, std::size_t start, std::string& out);

Status pack_list(capnp::List<schema::Value>::Reader list, unsigned lists_left, std::size_t start, std::string& out) {
  if (lists_left == 0) {
    return {Code::too_large,
            "lists are nested more than " + std::to_string(ValueLimits::max_depth) + " deep; flatten the value", {},
            ValueLimits::max_depth};
  }
  append_tag(out, ValueTag::list);
  append_varint(out, list.size());
  for (schema::Value::Reader element : list) {
    if (Status status = pack_nested(element, lists_left - 1, start, out); !status.ok()) return status;
  }
  return {};
}

Status pack_text(capnp::Text::Reader text, std::string& out) {
  if (text.size() > ValueLimits::max_bytes) return too_large_value();
  if (!is_utf8({text.begin(), text.size()}))
    return {Code::invalid_argument, "a text is not well-formed UTF-8; store it as bytes or convert it"};
  append_tag(out, ValueTag::text);
  append_counted(out, text);
  return {};
}

/// `start` is where the whole value begins in `out`: its size is bounded as it grows.
Status pack_nested(schema::Value::Reader value, unsigned lists_left, std::size_t start, std::string& out) {
  Status status;
  switch (value.which()) {
    case schema::Value::NULL_:
      append_tag(out, ValueTag::null);
      break;
    case schema::Value::BOOLEAN:
      append_tag(out, value.getBoolean() ? ValueTag::boolean_true : ValueTag::boolean_false);
      break;
    case schema::Value::INT64:
      append_tag(out, ValueTag::int64);
      append_varint(out, zigzag(value.getInt64()));
      break;
    case schema::Value::FLOAT64:
      if (std::isnan(value.getFloat64())) return nan_refused();
      append_tag(out, ValueTag::float64);
      append_fixed(out, value.getFloat64());
      break;
    case schema::Value::TEXT:
      status = pack_text(value.getText(), out);
      break;
    case schema::Value::BYTES:
      if (value.getBytes().size() > ValueLimits::max_bytes) return too_large_value();
      append_tag(out, ValueTag::bytes);
      append_counted(out, value.getBytes());
      break;
    case schema::Value::TIMESTAMP:
      append_tag(out, ValueTag::timestamp);
      append_fixed(out, value.getTimestamp());
      break;
    case schema::Value::LIST:
      status = pack_list(value.getList(), lists_left, start, out);
      break;
    case schema::Value::VECTOR:
      status = pack_vector(value.getVector(), out);
      break;
    default:
      return {Code::unsupported, "a value is of a kind that this engine does not know; is the client newer?"};
  }
  if (status.ok() && out.size() - start > ValueLimits::max_bytes) return too_large_value();
  return status;
}

bool unpack_nested(PackedReader& packed, unsigned lists_left, schema::Value::Builder value);

bool unpack_list(PackedReader& packed, unsigned lists_left, schema::Value::Builder value) {
  std::uint64_t count = 0;
  if (lists_left == 0 || !packed.list_count(count)) return false;
  auto list = value.initList(static_cast<unsigned>(count));
  for (schema::Value::Builder element : list) {
    if (!unpack_nested(packed, lists_left - 1, element)) return false;
  }
  return true;
}

bool unpack_vector(PackedReader& packed, schema::Value::Builder value) {
  Bytes floats;
  if (!packed.floats(floats)) return false;
  auto vector = value.initVector(static_cast<unsigned>(floats.size() / sizeof(float)));
  PackedReader elements(floats);
  for (unsigned i = 0; i < vector.size(); ++i) {
    float element = 0;
    if (!elements.fixed(element)) return false;
    vector.set(i, element);
  }
  return true;
}

template <typename Builder>
bool fill(Bytes content, Builder builder) {
  if (!content.empty()) std::memcpy(builder.begin(), content.data(), content.size());
  return true;
}

bool unpack_nested(PackedReader& packed, unsigned lists_left, schema::Value::Builder value) {
  ValueTag tag{};
  if (!packed.tag(tag)) return false;
  std::uint64_t number = 0;
  std::int64_t time_ns = 0;
  double real = 0;
  Bytes content;
  switch (tag) {
    case ValueTag::null:
      value.setNull();
      return true;
    case ValueTag::boolean_false:
    case ValueTag::boolean_true:
      value.setBoolean(tag == ValueTag::boolean_true);
      return true;
    case ValueTag::int64:
      if (!packed.varint(number)) return false;
      value.setInt64(unzigzag(number));
      return true;
    case ValueTag::float64:
      if (!packed.fixed(real)) return false;
      value.setFloat64(real);
      return true;
    case ValueTag::text:
      return packed.counted(content) && fill(content, value.initText(static_cast<unsigned>(content.size())));
    case ValueTag::bytes:
      return packed.counted(content) && fill(content, value.initBytes(static_cast<unsigned>(content.size())));
    case ValueTag::timestamp:
      if (!packed.fixed(time_ns)) return false;
      value.setTimestamp(time_ns);
      return true;
    case ValueTag::list:
      return unpack_list(packed, lists_left, value);
    case ValueTag::vector:
      return unpack_vector(packed, value);
  }
  return false;
}

void append_property(std::string& out, std::uint32_t& last_name, NameId name, Bytes value) {
  append_varint(out, name.value - last_name);
  out.append(as_text(value));
  last_name = name.value;
}

}  // namespace

Status pack_value(schema::Value::Reader value, std::string& out) {
  std::size_t start = out.size();
  Status status;
  try {
    status = pack_nested(value, ValueLimits::max_depth, start, out);
  } catch (const kj::Exception&) {  // pointers in messages are only checked when they are followed
    status = {Code::invalid_argument, "a value is malformed: its pointers lead nowhere; is the client sound?"};
  }
  if (!status.ok()) out.resize(start);
  return status;
}

Status unpack_value(Bytes packed, schema::Value::Builder value) {
  PackedReader reader(packed);
  if (unpack_nested(reader, ValueLimits::max_depth, value) && reader.at_end()) return {};
  return warm_store_damage("a stored value does not parse");
}

bool PackedReader::skip_value(unsigned lists_left) {
  ValueTag kind{};
  if (!tag(kind)) return false;
  std::uint64_t number = 0;
  Bytes content;
  switch (kind) {
    case ValueTag::null:
    case ValueTag::boolean_false:
    case ValueTag::boolean_true:
      return true;
    case ValueTag::int64:
      return varint(number);
    case ValueTag::float64:
    case ValueTag::timestamp:
      return fixed(number);
    case ValueTag::text:
    case ValueTag::bytes:
      return counted(content);
    case ValueTag::list:
      if (lists_left == 0 || !list_count(number)) return false;
      for (std::uint64_t i = 0; i < number; ++i) {
        if (!skip_value(lists_left - 1)) return false;
      }
      return true;
    case ValueTag::vector:
      return floats(content);
  }
  return false;
}

bool PropertyCursor::next(NameId& name, Bytes& value) {
  PackedReader reader(at_, end_);
  std::uint64_t difference = 0;
  if (reader.at_end() || !reader.varint(difference) || difference == 0 || difference > UINT32_MAX - last_name_) {
    return false;
  }
  const std::byte* from = reader.at();
  if (!reader.skip_value(ValueLimits::max_depth)) return false;
  last_name_ += difference;
  name = {static_cast<std::uint32_t>(last_name_)};
  value = {from, reader.at()};
  at_ = reader.at();
  return true;
}

bool properties_parse(Bytes properties) {
  PropertyCursor cursor(properties);
  NameId name;
  Bytes value;
  std::size_t parsed = 0;
  while (cursor.next(name, value)) parsed = static_cast<std::size_t>(value.data() + value.size() - properties.data());
  return parsed == properties.size();
}

std::optional<Bytes> find_property(Bytes properties, NameId name) {
  PropertyCursor cursor(properties);
  NameId at;
  Bytes value;
  while (cursor.next(at, value)) {
    if (at == name) return value;
    if (at > name) break;
  }
  return std::nullopt;
}

std::string change_properties(Bytes current, std::vector<PropertyChange> changes, bool replace) {
  std::stable_sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::string out;
  std::uint32_t last_name = 0;
  PropertyCursor cursor(replace ? Bytes{} : current);
  NameId name;
  Bytes value;
  bool more = cursor.next(name, value);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (i + 1 < changes.size() && changes[i + 1].name == changes[i].name) continue;  // the last of a name wins
    for (; more && name < changes[i].name; more = cursor.next(name, value))
      append_property(out, last_name, name, value);
    if (more && name == changes[i].name) more = cursor.next(name, value);
    if (!changes[i].value.empty()) append_property(out, last_name, changes[i].name, as_bytes(changes[i].value));
  }
  for (; more; more = cursor.next(name, value)) append_property(out, last_name, name, value);
  return out;
}

}  // namespace engram
