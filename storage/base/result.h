#pragma once
// Expected errors are values. A Status is a code and a message for a person; a Result<T> is a T or a Status.

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace engram {

/// The same codes, with the same numbers, as `ErrorCode` in schema/error.capnp, where each is explained.
enum class Code : std::uint16_t {
  none = 0,
  invalid_argument,
  too_large,
  unknown_space,
  space_exists,
  unknown_vertex,
  vertex_exists,
  unknown_edge,
  edge_exists,
  precondition_failed,
  conflict,
  quota_exceeded,
  overloaded,
  deadline_exceeded,
  cancelled,
  permission_denied,
  unauthenticated,
  disk_full,
  unavailable,
  unsupported,
  not_indexed,
  session_expired,
  corrupt,
  internal,
  limit_exceeded,
  unknown_index,
  index_exists,
};

/// The code's name as users see it, for example "unknown_vertex".
const char* code_name(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message, std::string field = {}, std::uint64_t limit = 0)
      : code_(code), message_(std::move(message)), field_(std::move(field)), limit_(limit) {}

  [[nodiscard]] bool ok() const { return code_ == Code::none; }
  [[nodiscard]] Code code() const { return code_; }
  /// What is wrong and what to do about it.
  [[nodiscard]] const std::string& message() const { return message_; }
  /// The field that is wrong, as a path ("operations[3].key"); may be empty.
  [[nodiscard]] const std::string& field() const { return field_; }
  /// The limit that was exceeded, in the field's unit; 0 if none.
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  /// How far what ended at a limit had come: the vertices that a read had come upon; 0 if none, or not known.
  [[nodiscard]] std::uint64_t partial() const { return partial_; }
  Status with_partial(std::uint64_t partial) && {
    partial_ = partial;
    return std::move(*this);
  }

 private:
  Code code_ = Code::none;
  std::string message_;
  std::string field_;
  std::uint64_t limit_ = 0;
  std::uint64_t partial_ = 0;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}             // NOLINT(google-explicit-constructor)
  Result(Status status) : state_(std::move(status)) {}      // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return std::holds_alternative<T>(state_); }
  [[nodiscard]] T& value() & { return std::get<T>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<T>(state_); }
  [[nodiscard]] T&& value() && { return std::get<T>(std::move(state_)); }
  [[nodiscard]] Status status() const { return ok() ? Status() : std::get<Status>(state_); }
  T* operator->() { return &value(); }
  T& operator*() & { return value(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace engram
