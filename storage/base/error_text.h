#pragma once
// The system's words for its errors.

#include <string>
#include <system_error>

namespace engram {

/// What an errno means: "No space left on device".
inline std::string error_text(int error) { return std::generic_category().message(error); }

}  // namespace engram
