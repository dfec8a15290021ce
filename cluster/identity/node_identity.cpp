#include "cluster/identity/node_identity.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "cluster/identity/checked_text.h"
#include "cluster/identity/start_count.h"

namespace engram {
namespace {

constexpr std::size_t max_node_file_bytes = 4096;

/// Who holds a flock on the file, from /proc/locks; empty if it cannot be seen (another container, another machine).
std::string lock_holder(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  char wanted[64];
  std::snprintf(wanted, sizeof(wanted), "%02x:%02x:%lu", major(info.st_dev), minor(info.st_dev),
                static_cast<unsigned long>(info.st_ino));
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, type, mode, access, process, inode;
    words >> number >> type >> mode >> access >> process >> inode;
    if (type == "FLOCK" && inode == wanted && process != "0" && process != "-1") return process;
  }
  return {};
}

/// `PosixFiles` and its kind tell a missing right as `internal`: a user can do something about it.
Status explain(const Status& status, const std::string& data_dir) {
  if (status.code() != Code::internal) return status;
  return {Code::permission_denied, status.message() + " (the data directory " + data_dir +
                                       " must be writable by the user that runs engram; data.dir chooses another)"};
}

Status in_use(const std::string& data_dir, const std::string& locked_path) {
  std::string holder = lock_holder(locked_path);
  return {Code::unavailable, "the data directory " + data_dir + " is in use by " +
                                 (holder.empty() ? "another process" : "process " + holder) +
                                 ": stop that one first, or set data.dir to another directory"};
}

/// Takes the lock; a file that cannot be opened at all is told apart from one that is locked.
Result<std::unique_ptr<FileLock>> take_lock(const std::string& data_dir, const std::string& path, OpenMode mode,
                                            Files& files) {
  if (Result<std::unique_ptr<File>> file = files.open(path, mode); !file.ok()) return explain(file.status(), data_dir);
  Result<std::unique_ptr<FileLock>> lock = files.lock(path);
  if (!lock.ok() && lock.status().code() == Code::unavailable) return in_use(data_dir, path);
  if (!lock.ok()) return explain(lock.status(), data_dir);
  return lock;
}

Result<NodeIdentity> read_identity(const std::string& path, Files& files) {
  Result<std::string> text = read_text_file(path, max_node_file_bytes, files);
  return text.ok() ? parse_identity(*text, path) : text.status();
}

/// Data without a NODE file belongs to somebody; taking it over could mix two histories.
Status refuse_foreign_data(const std::string& data_dir, Files& files) {
  Result<std::vector<DirectoryEntry>> entries = files.list(data_dir);
  if (!entries.ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries)
    if (entry.name.starts_with("commands-") || entry.name == "warm" || entry.name == "snapshots" ||
        entry.name == "STARTS" || entry.name == "PEERS")
      return {Code::corrupt,
              data_dir + " holds data (" + entry.name +
                  ") but no NODE file that says whose: restore NODE from a backup of this volume, or set "
                  "data.dir to an empty directory"};
  return {};
}

Id128 random_id(Random& random) {
  Id128 id;
  random.fill(std::as_writable_bytes(std::span(id.bytes)));
  return id;
}

NodeIdentity new_identity(const IdentityOptions& options, Random& random, const Clock& clock) {
  NodeIdentity identity;
  identity.cluster_id = options.cluster_id ? *options.cluster_id : random_id(random);
  identity.disk_id = random_id(random);
  while (identity.log_id == 0) identity.log_id = random.next64();
  if (options.nodes > 1) identity.format_version = NodeIdentity::cluster_format_version;
  identity.nodes = options.nodes;
  if (options.nodes > 1) identity.name = options.name;
  identity.ordinal = options.ordinal;
  identity.partitions = options.partitions != 0 ? options.partitions : options.default_partitions;
  identity.created_ns = clock.wall_ns();
  return identity;
}

/// What would be written and could not be read.
Status check_new(const NodeIdentity& identity) {
  if (identity.nodes == 1 || (identity.ordinal < identity.nodes && identity.nodes <= identity.partitions)) return {};
  return {Code::invalid_argument,
          "node " + std::to_string(identity.ordinal) + " of " + std::to_string(identity.nodes) + " with " +
              std::to_string(identity.partitions) +
              " partitions: ordinals begin with 0, and there must be a partition for every node; set node.ordinal, "
              "cluster.nodes and cluster.partitions so",
          "cluster.nodes"};
}

Status write_durably(const std::string& data_dir, const NodeIdentity& identity, Files& files) {
  if (Status status = replace_text_file(data_dir, "NODE", format_identity(identity), files); !status.ok()) return status;
  return files.sync_directory(parent_directory(data_dir));
}

Status check_options(const IdentityOptions& options, const NodeIdentity& identity) {
  auto differs = [&](const char* what, const char* key, const std::string& has, const std::string& wanted) {
    return Status(Code::invalid_argument,
                  "the data directory " + options.data_dir + " was made with " + what + " " + has + ", but " + key + " = " +
                      wanted + ": it is fixed when the directory is made; set " + key + " = " + has +
                      ", or set data.dir to another directory",
                  key);
  };
  auto number_differs = [&](const char* what, const char* key, std::uint32_t has, std::uint32_t wanted) {
    return differs(what, key, std::to_string(has), std::to_string(wanted));
  };
  if (options.cluster_id && *options.cluster_id != identity.cluster_id)
    return Status(Code::invalid_argument,
                  "the data directory " + options.data_dir + " belongs to the cluster " + identity.cluster_id.hex() +
                      ", but the other nodes are the cluster " + options.cluster_id->hex() +
                      ": check the mounts and cluster.peers, or set data.dir to another directory",
                  "data.dir");
  if (identity.nodes != options.nodes) return number_differs("nodes", "cluster.nodes", identity.nodes, options.nodes);
  if (identity.ordinal != options.ordinal)
    return number_differs("ordinal", "node.ordinal", identity.ordinal, options.ordinal);
  if (options.partitions != 0 && identity.partitions != options.partitions)
    return number_differs("partitions", "cluster.partitions", identity.partitions, options.partitions);
  const std::string behind = "-" + std::to_string(identity.ordinal);
  if (identity.nodes > 1 && identity.name != options.name)
    return differs("the name", "node.name", identity.name + behind, options.name + behind);
  return {};
}

}  // namespace

Result<NodeIdentity> NodeDirectory::read(const std::string& data_dir, Files& files) {
  const std::string path = data_dir + "/NODE";
  if (!files.exists(path))
    return Status(Code::invalid_argument, data_dir + " is no data directory: it has no NODE file; check data.dir");
  return read_identity(path, files);
}

Result<bool> NodeDirectory::is_new(const std::string& data_dir, Files& files) {
  if (!files.exists(data_dir)) return true;
  if (files.exists(data_dir + "/NODE")) return false;
  if (Status status = refuse_foreign_data(data_dir, files); !status.ok()) return explain(status, data_dir);
  return true;
}

Result<std::uint64_t> NodeDirectory::count_start(Files& files) const {
  return raise_start_count(data_dir_, files);
}

Result<NodeDirectory> NodeDirectory::open_existing(const std::string& data_dir, Files& files) {
  return open_existing(data_dir, OpenMode::read_only, files);
}

Result<NodeDirectory> NodeDirectory::open_existing(const std::string& data_dir, OpenMode mode, Files& files) {
  const std::string path = data_dir + "/NODE";
  if (!files.exists(path))
    return Status(Code::invalid_argument, data_dir + " is no data directory: it has no NODE file; check data.dir");
  Result<std::unique_ptr<FileLock>> lock = take_lock(data_dir, path, mode, files);
  if (!lock.ok()) return lock.status();
  Result<NodeIdentity> identity = read_identity(path, files);
  if (!identity.ok()) return identity.status();
  return NodeDirectory(std::move(*lock), data_dir, *identity, false);
}

Result<NodeDirectory> NodeDirectory::open(const IdentityOptions& options, Files& files, Random& random,
                                          const Clock& clock) {
  const std::string& data_dir = options.data_dir;
  const std::string path = data_dir + "/NODE";
  if (Status status = files.make_directory(data_dir); !status.ok()) return explain(status, data_dir);
  if (!files.exists(path)) {
    if (Status status = refuse_foreign_data(data_dir, files); !status.ok()) return explain(status, data_dir);
    // The lock is taken on the temporary file and stays on it when it is renamed to NODE: of two processes that make
    // the directory at the same time, one wins and the other finds it in use.
    const std::string temporary = data_dir + "/NODE.tmp";
    Result<std::unique_ptr<FileLock>> lock = files.lock(temporary);
    if (!lock.ok() && lock.status().code() == Code::unavailable && files.exists(temporary))
      return in_use(data_dir, temporary);
    if (!lock.ok()) return explain(lock.status(), data_dir);
    if (!files.exists(path)) {
      NodeIdentity identity = new_identity(options, random, clock);
      if (Status status = check_new(identity); !status.ok()) return status;
      if (Status status = write_durably(data_dir, identity, files); !status.ok()) return explain(status, data_dir);
      return NodeDirectory(std::move(*lock), data_dir, identity, true);
    }
    (void)files.remove(temporary);  // another process was quicker, this file is ours
  }
  Result<NodeDirectory> directory = open_existing(data_dir, OpenMode::read_write, files);
  if (!directory.ok()) return directory;
  if (Status status = check_options(options, directory->identity()); !status.ok()) return status;
  return directory;
}

}  // namespace engram
