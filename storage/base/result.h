#pragma once
// Expected errors are values. A Status is a code and a message for a person; a Result<T> is a T or a Status.

#include <cstdint>
#include <memory>
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

/// No larger than a pointer, which is null as long as nothing is wrong: most calls end well, and every edge of a load is
/// checked by a dozen of them.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message, std::string field = {}, std::uint64_t limit = 0);
  Status(const Status& other);
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  [[nodiscard]] bool ok() const { return error_ == nullptr; }
  [[nodiscard]] Code code() const { return ok() ? Code::none : error_->code; }
  /// What is wrong and what to do about it.
  [[nodiscard]] const std::string& message() const;
  /// The field that is wrong, as a path ("operations[3].key"); may be empty.
  [[nodiscard]] const std::string& field() const;
  /// The limit that was exceeded, in the field's unit; 0 if none.
  [[nodiscard]] std::uint64_t limit() const { return ok() ? 0 : error_->limit; }
  /// How far what ended at a limit had come: the vertices that a read had come upon; 0 if none, or not known.
  [[nodiscard]] std::uint64_t partial() const { return ok() ? 0 : error_->partial; }
  Status with_partial(std::uint64_t partial) &&;

 private:
  struct Error {
    Code code;
    std::string message;
    std::string field;
    std::uint64_t limit = 0;
    std::uint64_t partial = 0;
  };
  std::unique_ptr<Error> error_;
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
