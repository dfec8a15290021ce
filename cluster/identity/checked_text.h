#pragma once
// The small text files of a data directory (NODE, STARTS, PEERS, LEVEL): "key = value" lines, the last of which is the checksum of
// all before it. Small enough to be read and, with care, understood by a person at three in the morning.
//
// They are replaced whole (temporary file, fsync, rename, fsync of the directory): after a crash there is the old one or the
// new one.

#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "storage/base/result.h"
#include "storage/files/files.h"

namespace engram {

/// What is needed to say that such a file is not what it should be.
struct CheckedTextKind {
  std::string path;
  std::string_view way_out;  // what to do about damage
  std::uint32_t newest_version = 1;

  /// The error `corrupt`.
  [[nodiscard]] Status damaged(std::string_view what) const;
};

/// By key; views of the text.
using TextLines = std::map<std::string_view, std::string_view>;

/// `lines` with the line of their checksum.
std::string with_checksum(std::string lines);
/// What `with_checksum` made, which has to have a line format_version. Errors: corrupt; unsupported (a newer version, looked
/// at before anything else but the checksum, since what a newer format looks like is not known here).
Result<TextLines> parse_checked_text(std::string_view text, const CheckedTextKind& kind);

/// The value of a key; empty if there is none.
std::string_view value_of(const TextLines& lines, std::string_view key);

template <typename T>
bool parse_number_as(std::string_view text, int base, T& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && !text.empty() && end == text.data() + text.size();
}

/// At most `max_bytes` of a file: of a longer one the checksum is not found, and it is damaged.
Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes, Files& files);
/// <directory>/<name>, by way of <name>.tmp. After an error the old one or the new one is there.
Status replace_text_file(const std::string& directory, const std::string& name, std::string_view text, Files& files);

}  // namespace engram
