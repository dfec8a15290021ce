#include "storage/base/result.h"

#include <array>

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

}  // namespace engram
