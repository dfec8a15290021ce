#include "storage/base/result.h"

#include <array>
#include <utility>

namespace engram {

const char* code_name(Code code) {
  static constexpr std::array names = {
      "none",          "invalid_argument",    "too_large",         "unknown_space",  "space_exists",
      "unknown_vertex", "vertex_exists",      "unknown_edge",      "edge_exists",    "precondition_failed",
      "conflict",      "quota_exceeded",      "overloaded",        "deadline_exceeded", "cancelled",
      "permission_denied", "unauthenticated", "disk_full",         "unavailable",    "unsupported",
      "not_indexed",   "session_expired",     "corrupt",           "internal",       "limit_exceeded",
      "unknown_index", "index_exists"};
  auto index = static_cast<std::size_t>(code);
  return index < names.size() ? names[index] : "unknown";
}

Status::Status(Code code, std::string message, std::string field, std::uint64_t limit) {
  if (code == Code::none) return;
  error_ = std::make_unique<Error>(Error{code, std::move(message), std::move(field), limit});
}

Status::Status(const Status& other) : error_(other.ok() ? nullptr : std::make_unique<Error>(*other.error_)) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) error_ = other.ok() ? nullptr : std::make_unique<Error>(*other.error_);
  return *this;
}

namespace {
const std::string& nothing() {
  static const std::string text;
  return text;
}
}  // namespace

const std::string& Status::message() const { return ok() ? nothing() : error_->message; }

const std::string& Status::field() const { return ok() ? nothing() : error_->field; }

Status Status::with_partial(std::uint64_t partial) && {
  if (!ok()) error_->partial = partial;
  return std::move(*this);
}

}  // namespace engram
