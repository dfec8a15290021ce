#pragma once
// <data>/STARTS: how often an engine was started on the volume. Other nodes tell by it which of two processes is the newer.

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/result.h"
#include "storage/files/files.h"

namespace engram {

/// One more than before, durable when it is returned; 1 if there is no file. The caller holds the lock of the directory (see
/// NodeDirectory::count_start). A crash may leave a number out, but never gives one twice. On a full volume the file is
/// overwritten in place: an engine has to start there, to make room. Errors: corrupt, unsupported, those of Files.
Result<std::uint64_t> raise_start_count(const std::string& data_dir, Files& files);

/// The text of the file, and back; all texts have one length. `path` is for the message.
std::string format_start_count(std::uint64_t starts);
Result<std::uint64_t> parse_start_count(std::string_view text, const std::string& path);

}  // namespace engram
