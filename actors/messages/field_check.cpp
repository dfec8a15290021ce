#include "actors/messages/field_check.h"

#include "actors/partition/core/batch_applier.h"
#include "storage/base/graph_limits.h"
#include "storage/hot/properties.h"

namespace engram {

std::string FieldPath::text() const {
  std::string before = parent_ == nullptr ? std::string() : parent_->text();
  if (name_ == nullptr) return before + "[" + std::to_string(index_) + "]";
  return before.empty() ? name_ : before + "." + name_;
}

Status check_text(capnp::Text::Reader text, std::size_t most, const FieldPath& field) {
  if (text.size() == 0) return {Code::invalid_argument, "It must not be empty.", field.text()};
  if (text.size() > most)
    return {Code::too_large, "It has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(most) +
                                 " are allowed.", field.text(), most};
  if (!is_utf8(text_of(text))) return {Code::invalid_argument, "It is not well-formed UTF-8.", field.text()};
  return {};
}

Status check_name(capnp::Text::Reader name, const FieldPath& field) { return check_text(name, max_name_bytes, field); }

Status check_key(capnp::Text::Reader key, const FieldPath& field) { return check_text(key, max_key_bytes, field); }

Status check_edge_key(schema::EdgeKey::Reader edge, const FieldPath& field) {
  Status status = check_key(edge.getSource(), field / "source");
  if (status.ok()) status = check_key(edge.getTarget(), field / "target");
  if (status.ok()) status = check_name(edge.getType(), field / "type");
  return status;
}

Status check_value(schema::Value::Reader value, const FieldPath& field) {
  thread_local std::string scratch;
  scratch.clear();
  Status status = pack_value(value, scratch);
  return status.ok() ? status : Status(status.code(), status.message(), field.text(), status.limit());
}

}  // namespace engram
