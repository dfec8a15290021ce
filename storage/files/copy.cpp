#include "storage/files/copy.h"

#include <algorithm>

#include "storage/base/checksum.h"

namespace engram {
namespace {

constexpr std::size_t block_bytes = 1 << 20;

/// Reads the file block by block and hands each to `visit`.
template <typename Visit>
Result<FileDigest> for_each_block(const File& file, Visit visit) {
  auto size = file.size();
  if (!size.ok()) return size.status();
  std::vector<std::byte> block(std::min<std::uint64_t>(*size + 1, block_bytes));
  FileDigest digest;
  for (;;) {
    auto got = file.read_at(block, digest.bytes);
    if (!got.ok()) return got.status();
    if (*got == 0) return digest;
    Bytes bytes(block.data(), *got);
    if (Status status = visit(bytes, digest.bytes); !status.ok()) return status;
    digest.checksum = checksum64(bytes, digest.checksum);
    digest.bytes += *got;
    if (*got < block.size()) return digest;
  }
}

Result<FileDigest> write_copy(Files& files, const std::string& from, const std::string& to) {
  auto source = files.open(from, OpenMode::read_only);
  if (!source.ok()) return source.status();
  auto target = files.open(to, OpenMode::replace);
  if (!target.ok()) return target.status();
  auto digest = for_each_block(**source, [&](Bytes bytes, std::uint64_t at) { return (*target)->write_at(bytes, at); });
  if (!digest.ok()) return digest;
  if (Status status = (*target)->sync_all(); !status.ok()) return status;
  return digest;
}

}  // namespace

std::string parent_directory(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<FileDigest> digest_file(Files& files, const std::string& path) {
  auto file = files.open(path, OpenMode::read_only);
  if (!file.ok()) return file.status();
  return for_each_block(**file, [](Bytes, std::uint64_t) { return Status(); });
}

Result<FileDigest> copy_file(Files& files, const std::string& from, const std::string& to) {
  std::string partial = to + ".partial";
  auto settle = [&]() -> Result<FileDigest> {
    auto written = write_copy(files, from, partial);
    if (!written.ok()) return written;
    auto read_back = digest_file(files, partial);
    if (!read_back.ok()) return read_back;
    if (*read_back != *written)
      return Status(Code::corrupt, "the copy of " + from + " at " + partial +
                                       " differs from what was written: check the volume it is on");
    if (Status status = files.rename(partial, to); !status.ok()) return status;
    if (Status status = files.sync_directory(parent_directory(to)); !status.ok()) return status;
    return written;
  };
  auto result = settle();
  if (!result.ok() && files.exists(partial)) (void)files.remove(partial);
  return result;
}

}  // namespace engram
