#include "cluster/identity/feature_level.h"

#include "cluster/identity/checked_text.h"

namespace engram {
namespace {

constexpr const char* file_name = "LEVEL";
constexpr std::size_t max_file_bytes = 4096;

Status check_known(std::uint32_t level) {
  if (level <= newest_feature_level) return {};
  return {Code::unsupported,
          "The cluster was finalized at the feature level " + std::to_string(level) + ", and this program knows no more than " +
              std::to_string(newest_feature_level) + ": start a version that is not older than the one it was finalized with.",
          "featureLevel", newest_feature_level};
}

}  // namespace

Result<std::unique_ptr<FeatureLevel>> FeatureLevel::open(const std::string& data_dir, Files& files) {
  const std::string path = data_dir + "/" + file_name;
  std::uint32_t level = 1;
  if (files.exists(path)) {
    Result<std::string> text = read_text_file(path, max_file_bytes, files);
    if (!text.ok()) return text.status();
    Result<std::uint32_t> kept = parse_feature_level(*text, path);
    if (!kept.ok()) return kept.status();
    level = *kept;
  }
  if (Status known = check_known(level); !known.ok()) return known;
  return std::unique_ptr<FeatureLevel>(new FeatureLevel(data_dir, files, level));
}

Status FeatureLevel::raise(std::uint32_t level) {
  if (level <= in_force()) return {};
  if (Status known = check_known(level); !known.ok()) return known;
  std::lock_guard lock(writing_);
  if (level <= in_force()) return {};
  if (Status written = replace_text_file(data_dir_, file_name, format_feature_level(level), files_); !written.ok())
    return written;
  level_.store(level, std::memory_order_relaxed);
  return {};
}

std::string format_feature_level(std::uint32_t level) {
  return with_checksum(
      "# Which messages and formats this cluster may use. Written by engram (`engram cluster finalize` raises it); do not\n"
      "# edit or delete.\n"
      "format_version = 1\n"
      "level = " + std::to_string(level) + "\n");
}

Result<std::uint32_t> parse_feature_level(std::string_view text, const std::string& path) {
  const CheckedTextKind kind{path, "copy this file from another node of the cluster: all have the same"};
  Result<TextLines> lines = parse_checked_text(text, kind);
  if (!lines.ok()) return lines.status();
  std::uint32_t level = 0;
  if (!parse_number_as(value_of(*lines, "level"), 10, level) || level == 0)
    return kind.damaged("the level is missing or out of range");
  return level;
}

}  // namespace engram
