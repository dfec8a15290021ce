#include "cluster/identity/start_count.h"

#include <limits>

#include "cluster/identity/checked_text.h"

namespace engram {
namespace {

constexpr const char* file_name = "STARTS";
constexpr std::size_t max_file_bytes = 4096;

/// A few bytes of one page, and their checksum: not torn by a crash on any disk with whole sectors, and found if it is.
Status overwrite(const std::string& path, std::string_view text, Files& files) {
  Result<std::unique_ptr<File>> file = files.open(path, OpenMode::read_write);
  if (!file.ok()) return file.status();
  if (Status status = (*file)->write_at(as_bytes(text), 0); !status.ok()) return status;
  return (*file)->sync_all();
}

}  // namespace

Result<std::uint64_t> raise_start_count(const std::string& data_dir, Files& files) {
  const std::string path = data_dir + "/" + file_name;
  std::uint64_t before = 0;
  const bool is_there = files.exists(path);
  if (is_there) {
    Result<std::string> text = read_text_file(path, max_file_bytes, files);
    if (!text.ok()) return text.status();
    Result<std::uint64_t> starts = parse_start_count(*text, path);
    if (!starts.ok()) return starts;
    before = *starts;
  }
  const std::string text = format_start_count(before + 1);
  Status written = replace_text_file(data_dir, file_name, text, files);
  if (is_there && written.code() == Code::disk_full) written = overwrite(path, text, files);
  if (!written.ok()) return written;
  return before + 1;
}

std::string format_start_count(std::uint64_t starts) {
  std::string digits = std::to_string(starts);
  return with_checksum(
      "# How often an engine was started on this volume. Written by engram; do not edit, copy or delete.\n"
      "format_version = 1\n"
      "starts = " + std::string(20 - digits.size(), '0') + digits + "\n");
}

Result<std::uint64_t> parse_start_count(std::string_view text, const std::string& path) {
  const CheckedTextKind kind{path,
                             "remove this file, and the count begins anew. In a cluster of several nodes the others would "
                             "then take this one for an older process of itself: let them forget its volume first, with "
                             "`engram cluster forget-volume <ordinal>`"};
  Result<TextLines> lines = parse_checked_text(text, kind);
  if (!lines.ok()) return lines.status();
  std::uint64_t starts = 0;
  if (!parse_number_as(value_of(*lines, "starts"), 10, starts) || starts == std::numeric_limits<std::uint64_t>::max())
    return kind.damaged("the number is missing or out of range");
  return starts;
}

}  // namespace engram
