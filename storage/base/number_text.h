#pragma once
// Numbers as a person reads them.

#include <cstddef>
#include <cstdint>
#include <string>

namespace engram {

/// 3749 as "3,749".
inline std::string grouped(std::uint64_t number) {
  auto text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

/// "1 edge", "3,749 edges".
inline std::string counted(std::uint64_t number, const char* one, const char* many) {
  return grouped(number) + ' ' + (number == 1 ? one : many);
}

}  // namespace engram
