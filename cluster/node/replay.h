#pragma once
// Brings partitions from what their warm stores have to the end of the log: at the engine's start, and in `engram verify`.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "actors/partition/core/partition_core.h"
#include "storage/base/result.h"
#include "storage/files/files.h"

namespace engram {

/// Where a partition's warm store is.
std::string warm_store_path(const std::string& data_dir, PartitionId partition);

/// A warm store that is gone is made again from the log, which then has to go back to its beginning. Error corrupt: it does
/// not, and nothing would tell that the partition is empty. To be asked before the stores are opened, which makes them.
Status check_stores_are_there(Files& files, const std::string& data_dir, const std::vector<PartitionId>& partitions);

/// Watches the records of a log go by: those of a partition come without a gap, and continue what its store has.
class LsnSequence {
 public:
  /// `stored`: the partitions of the node, and what their warm stores have applied.
  explicit LsnSequence(const std::map<PartitionId, Lsn>& stored);

  /// Error corrupt: the partition is not of this node, records are missing before this one, or it was written under an older
  /// ownership than the one before.
  Status next(PartitionId partition, Lsn lsn, std::uint32_t epoch);
  [[nodiscard]] bool is_stored(PartitionId partition, Lsn lsn) const { return lsn <= places_[partition.value].stored; }
  /// No segment of the log was moved away: it has to have every command.
  void expect_whole_log() { whole_ = true; }
  /// After damage: what comes next may begin anywhere.
  void skip_to_anywhere();
  /// At the end of the log. Error corrupt: a store has more than the log.
  Status end() const;

 private:
  struct Place {
    bool here = false;
    Lsn stored;
    Lsn last;  // 0: none seen
    std::uint32_t epoch = 0;
  };
  std::vector<Place> places_;  // by partition
  bool anywhere_ = false;
  bool whole_ = false;
};

struct ReplayOptions {
  std::string data_dir;
  std::uint64_t log_id = 0;
  std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)> progress;  // may be empty
};

/// A partition to be brought to the end of the log.
struct Replayed {
  PartitionCore* core = nullptr;                     // opened
  WarmStore* store = nullptr;                        // written back to on the way; null: never, all is kept in memory
  std::size_t write_back_bytes = std::size_t{64} << 20;  // dirty bytes that start a write-back
  /// After the replay. A write-back that found the disk full is left for later, with the LSN of its cut.
  std::vector<WarmChange> unwritten;
  Lsn cut;
};

/// `partitions`: all of the node. Each is filled from its warm store and then gets its records, on a thread of its
/// own. Memory is bounded by what is hot, as while serving: a log may be many times larger. Returns how many records were
/// applied. Errors: corrupt, internal (the disk failed): the cores are not to be used.
Result<std::uint64_t> replay_log(Files& files, const ReplayOptions& options, std::vector<Replayed>& partitions);

}  // namespace engram
