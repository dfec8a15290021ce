#include "cluster/identity/checked_text.h"

#include <algorithm>

#include "storage/base/checksum.h"
#include "storage/base/hex.h"

namespace engram {
namespace {

constexpr std::string_view checksum_key = "checksum = ";

/// "key = value" lines without comments. False if a line is none.
bool split_lines(std::string_view text, TextLines& lines) {
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    std::size_t equals = line.find(" = ");
    if (equals == std::string_view::npos) return false;
    lines[line.substr(0, equals)] = line.substr(equals + 3);
  }
  return true;
}

}  // namespace

Status CheckedTextKind::damaged(std::string_view what) const {
  return {Code::corrupt, path + " is damaged (" + std::string(what) + "): " + std::string(way_out)};
}

std::string with_checksum(std::string lines) {
  std::string checksum = hex(checksum64(as_bytes(lines)));
  return lines + std::string(checksum_key) + checksum + "\n";
}

Result<TextLines> parse_checked_text(std::string_view text, const CheckedTextKind& kind) {
  std::size_t at = text.rfind(checksum_key);
  if (at == std::string_view::npos) return kind.damaged("no checksum");
  if (text != with_checksum(std::string(text.substr(0, at)))) return kind.damaged("the checksum does not fit");
  TextLines lines;
  std::uint32_t version = 0;
  if (!split_lines(text.substr(0, at), lines) || !parse_number_as(value_of(lines, "format_version"), 10, version))
    return kind.damaged("no format version");
  if (version > kind.newest_version)
    return Status(Code::unsupported, kind.path + " has format version " + std::to_string(version) +
                                         ", this engram knows up to " + std::to_string(kind.newest_version) +
                                         ": start the newer engram that wrote it");
  return lines;
}

std::string_view value_of(const TextLines& lines, std::string_view key) {
  auto found = lines.find(key);
  return found == lines.end() ? std::string_view() : found->second;
}

Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes, Files& files) {
  Result<std::unique_ptr<File>> file = files.open(path, OpenMode::read_only);
  if (!file.ok()) return file.status();
  Result<std::uint64_t> size = (*file)->size();
  if (!size.ok()) return size.status();
  std::string text(std::min<std::uint64_t>(*size, max_bytes), '\0');
  Result<std::size_t> got = (*file)->read_at(std::as_writable_bytes(std::span(text)), 0);
  if (!got.ok()) return got.status();
  text.resize(*got);
  return text;
}

Status replace_text_file(const std::string& directory, const std::string& name, std::string_view text, Files& files) {
  const std::string path = directory + "/" + name;
  const std::string temporary = path + ".tmp";
  Result<std::unique_ptr<File>> file = files.open(temporary, OpenMode::replace);
  if (!file.ok()) return file.status();
  if (Status status = (*file)->write_at(as_bytes(text), 0); !status.ok()) return status;
  if (Status status = (*file)->sync_all(); !status.ok()) return status;
  if (Status status = files.rename(temporary, path); !status.ok()) return status;
  return files.sync_directory(directory);
}

}  // namespace engram
