#pragma once
// Where the files of a command log are, and what their names say. Nothing else makes or reads such a name.
//
//   <data>/
//     commands-<first position>.log           the open segment; the newest
//     commands-<first position>.sealed.log    complete segments; they end with a seal
//     commands-<first position>.partial       a segment that recovery was rewriting: garbage after a crash
//     spare-<number>.log                      a file ready to become a segment
//     spare-<number>.partial                  one that is still being written
//     archived/
//       commands-<first position>.sealed.log  segments that no start needs any more; may be on another volume
//       MANIFEST                              one JSON line for each of them
//
// Positions have 20 digits, so that names sort as positions do.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/ids.h"

namespace engram::log_layout {

enum class Kind : std::uint8_t { open_segment, sealed_segment, partial_segment, spare, partial_spare };

struct Name {
  Kind kind = Kind::open_segment;
  std::uint64_t number = 0;  // first position of a segment, number of a spare
};

std::string name_of(Kind kind, std::uint64_t number);
inline std::string path_of(const std::string& dir, Kind kind, std::uint64_t number) {
  return dir + "/" + name_of(kind, number);
}

/// What a file in the directory is; nothing if it is none of the log's.
std::optional<Name> parse(std::string_view file_name);

inline constexpr const char* manifest_name = "MANIFEST";

}  // namespace engram::log_layout
