// The NODE file as text: "key = value" lines, the last of which is the checksum of all before it. Small enough to be
// read and, with care, understood by a person at three in the morning.
#include <algorithm>
#include <charconv>
#include <map>

#include "cluster/identity/node_identity.h"
#include "storage/base/checksum.h"
#include "storage/base/hex.h"

namespace engram {
namespace {

constexpr std::string_view checksum_key = "checksum = ";

template <typename T>
bool parse_number_as(std::string_view text, int base, T& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && !text.empty() && end == text.data() + text.size();
}

using Lines = std::map<std::string_view, std::string_view>;

/// "key = value" lines without comments. False if a line is none.
bool split_lines(std::string_view text, Lines& lines) {
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

bool take_fields(const Lines& lines, NodeIdentity& identity) {
  auto value = [&lines](std::string_view key) {
    auto found = lines.find(key);
    return found == lines.end() ? std::string_view() : found->second;
  };
  return parse_hex(value("cluster_id"), identity.cluster_id.bytes) &&
         parse_hex(value("disk_id"), identity.disk_id.bytes) &&
         parse_number_as(value("log_id"), 16, identity.log_id) &&
         parse_number_as(value("ordinal"), 10, identity.ordinal) &&
         parse_number_as(value("partitions"), 10, identity.partitions) &&
         parse_number_as(value("created_ns"), 10, identity.created_ns) && identity.partitions > 0 &&
         identity.partitions <= 65536 && identity.ordinal <= 65535 && identity.log_id != 0;
}

Status damaged(const std::string& path, const char* what) {
  return {Code::corrupt,
          path + " is damaged (" + what +
              "): restore this file from a backup of this volume; do not delete it, since the data in its "
              "directory cannot be told apart from another node's without it"};
}

}  // namespace

std::string Id128::hex() const {
  return engram::hex(std::as_bytes(std::span(bytes)));
}

std::string format_identity(const NodeIdentity& identity) {
  std::string out = "# Whose data this is. Written once by engram; do not edit, copy or delete.\n";
  out += "format_version = " + std::to_string(identity.format_version) + "\n";
  out += "cluster_id = " + identity.cluster_id.hex() + "\n";
  out += "disk_id = " + identity.disk_id.hex() + "\n";
  out += "log_id = " + hex(identity.log_id) + "\n";
  out += "ordinal = " + std::to_string(identity.ordinal) + "\n";
  out += "partitions = " + std::to_string(identity.partitions) + "\n";
  out += "created_ns = " + std::to_string(identity.created_ns) + "\n";
  std::string checksum = hex(checksum64(as_bytes(out)));
  return out + std::string(checksum_key) + checksum + "\n";
}

Result<NodeIdentity> parse_identity(std::string_view text, const std::string& path) {
  std::size_t at = text.rfind(checksum_key);
  if (at == std::string_view::npos) return damaged(path, "no checksum");
  if (text.substr(at) != std::string(checksum_key) + hex(checksum64(as_bytes(text.substr(0, at)))) + "\n")
    return damaged(path, "the checksum does not fit");
  Lines lines;
  NodeIdentity identity;
  if (!split_lines(text.substr(0, at), lines) || !parse_number_as(lines["format_version"], 10, identity.format_version))
    return damaged(path, "no format version");
  // The version first: what a newer format looks like is not known here.
  if (identity.format_version > NodeIdentity::current_format_version)
    return Status(Code::unsupported, path + " has format version " + std::to_string(identity.format_version) +
                                         ", this engram knows up to " +
                                         std::to_string(NodeIdentity::current_format_version) +
                                         ": start the newer engram that wrote it");
  if (!take_fields(lines, identity)) return damaged(path, "a field is missing or out of range");
  return identity;
}

}  // namespace engram
