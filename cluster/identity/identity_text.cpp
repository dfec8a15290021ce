// The NODE file as text.
//
// Format version 1 is that of a cluster of one node, and stays: the version before this one opens it. Version 2 has `nodes`
// and `name` beside it.
#include "cluster/identity/checked_text.h"
#include "cluster/identity/node_identity.h"
#include "storage/base/hex.h"

namespace engram {
namespace {

bool is_name(std::string_view name) {
  constexpr std::size_t max_name_bytes = 63;
  return !name.empty() && name.size() <= max_name_bytes;
}

bool take_fields(const TextLines& lines, NodeIdentity& identity) {
  auto value = [&lines](std::string_view key) { return value_of(lines, key); };
  return parse_hex(value("cluster_id"), identity.cluster_id.bytes) &&
         parse_hex(value("disk_id"), identity.disk_id.bytes) &&
         parse_number_as(value("log_id"), 16, identity.log_id) &&
         parse_number_as(value("ordinal"), 10, identity.ordinal) &&
         parse_number_as(value("partitions"), 10, identity.partitions) &&
         parse_number_as(value("created_ns"), 10, identity.created_ns) && identity.partitions > 0 &&
         identity.partitions <= 65536 && identity.ordinal <= 65535 && identity.log_id != 0;
}

bool take_cluster_fields(const TextLines& lines, NodeIdentity& identity) {
  identity.name = value_of(lines, "name");
  return parse_number_as(value_of(lines, "nodes"), 10, identity.nodes) && is_name(identity.name) &&
         identity.ordinal < identity.nodes && identity.nodes <= identity.partitions;
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
  if (identity.format_version >= NodeIdentity::cluster_format_version) {
    out += "nodes = " + std::to_string(identity.nodes) + "\n";
    out += "name = " + identity.name + "\n";
  }
  out += "partitions = " + std::to_string(identity.partitions) + "\n";
  out += "created_ns = " + std::to_string(identity.created_ns) + "\n";
  return with_checksum(out);
}

Result<NodeIdentity> parse_identity(std::string_view text, const std::string& path) {
  const CheckedTextKind kind{path,
                             "restore this file from a backup of this volume; do not delete it, since the data in its "
                             "directory cannot be told apart from another node's without it",
                             NodeIdentity::current_format_version};
  Result<TextLines> lines = parse_checked_text(text, kind);
  if (!lines.ok()) return lines.status();
  NodeIdentity identity;
  (void)parse_number_as(value_of(*lines, "format_version"), 10, identity.format_version);  // that was checked
  bool is_whole = take_fields(*lines, identity);
  if (identity.format_version >= NodeIdentity::cluster_format_version)
    is_whole = is_whole && take_cluster_fields(*lines, identity);
  if (!is_whole) return kind.damaged("a field is missing or out of range");
  return identity;
}

}  // namespace engram
