#pragma once
// Who a data directory belongs to, and that only one process uses it at a time.
//
// <data>/NODE is a small text file, written once when the directory is made (temporary file, fsync, rename, fsync of
// the directory: after a crash it is there whole or not at all) and flock'ed by the process that runs on the directory.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/clock.h"
#include "storage/base/random.h"
#include "storage/base/result.h"
#include "storage/files/files.h"

namespace engram {

/// 128 random bits, shown as 32 hex digits.
struct Id128 {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Id128&) const = default;
  [[nodiscard]] std::string hex() const;
};

struct NodeIdentity {
  /// The newest that this version knows. A directory with a higher number is refused: an older engine must not touch it.
  static constexpr std::uint32_t current_format_version = 2;
  /// What a node of several is written with. A single one has 1, so that the version before clusters opens it too.
  static constexpr std::uint32_t cluster_format_version = 2;

  std::uint32_t format_version = 1;
  Id128 cluster_id;          // the same on all nodes of a cluster
  Id128 disk_id;             // of this volume: an empty volume gets a new one and is never trusted as the old one
  std::uint64_t log_id = 0;  // kept in every log segment, so that a foreign segment is told apart; never 0
  std::uint32_t ordinal = 0;
  std::uint32_t nodes = 1;        // of the cluster
  std::string name = "engram";    // of the cluster: the node's without its ordinal. A single node's is not kept
  std::uint32_t partitions = 1;   // of the cluster
  std::int64_t created_ns = 0;

  bool operator==(const NodeIdentity&) const = default;
};

struct IdentityOptions {
  std::string data_dir;  // made if it is not there (with `create`)
  std::uint32_t ordinal = 0;
  std::uint32_t partitions = 0;  // 0: whatever the directory has, or `default_partitions` for a new one
  std::uint32_t default_partitions = 1;
  std::uint32_t nodes = 1;
  std::string name = "engram";  // as cluster/config lets it be
  /// Of a cluster that is there already: a new directory becomes a part of it, and one of another cluster is refused. None:
  /// a new directory is a new cluster.
  std::optional<Id128> cluster_id = std::nullopt;
};

/// The right to use a data directory; held while it lives. The lock ends with the process, however that ends.
class NodeDirectory {
 public:
  /// Whether `open` would make it, so that the other nodes can be asked for their cluster's id first. Changes nothing and
  /// takes no lock. Error corrupt: there is data without a NODE file, which `open` would refuse.
  static Result<bool> is_new(const std::string& data_dir, Files& files);

  /// Opens or makes the directory. Errors, all with the directory's name and what to do: unavailable (in use: names the
  /// process if it can be seen; or read-only), invalid_argument (another cluster, number of nodes, ordinal, number of
  /// partitions or name than configured: names both), unsupported (newer format), corrupt, permission_denied, disk_full.
  static Result<NodeDirectory> open(const IdentityOptions& options, Files& files, Random& random, const Clock& clock);

  /// For offline tools that change nothing: takes the lock of an existing directory and checks integrity and format only.
  /// The volume may be read-only.
  static Result<NodeDirectory> open_existing(const std::string& data_dir, Files& files);
  /// Whose an existing directory is, without the lock: an engine may run on it.
  static Result<NodeIdentity> read(const std::string& data_dir, Files& files);

  [[nodiscard]] const NodeIdentity& identity() const { return identity_; }
  /// True if `open` made it just now.
  [[nodiscard]] bool created() const { return created_; }

  /// How often an engine was started on this volume, this time included; to be called once by each, and never by offline
  /// tools. Errors: see raise_start_count (start_count.h).
  Result<std::uint64_t> count_start(Files& files) const;

 private:
  NodeDirectory(std::unique_ptr<FileLock> lock, std::string data_dir, NodeIdentity identity, bool created)
      : lock_(std::move(lock)), data_dir_(std::move(data_dir)), identity_(std::move(identity)), created_(created) {}

  static Result<NodeDirectory> open_existing(const std::string& data_dir, OpenMode mode, Files& files);

  std::unique_ptr<FileLock> lock_;
  std::string data_dir_;
  NodeIdentity identity_;
  bool created_ = false;
};

/// The text of a NODE file, and back. Parsing errors: corrupt, unsupported; `path` is for the message.
std::string format_identity(const NodeIdentity& identity);
Result<NodeIdentity> parse_identity(std::string_view text, const std::string& path);

}  // namespace engram
