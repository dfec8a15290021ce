#pragma once
// The warm store of one partition: an LMDB environment with a few tables, a checksum behind every value, a map that
// grows by itself, and batches that carry the applied LSN in the same transaction.
//
// In a crash: a batch is there whole or not at all (MDB_NOMETASYNC: after a power cut the last one may be missing, so
// callers trim their log only below `synced_lsn`). LMDB transactions belong to one thread and never outlive a call.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/hot/blob.h"

namespace engram {

enum class WarmTable : std::uint8_t {
  meta,      // text key -> the partition's state that is not per vertex (counters, transactions in doubt, ...)
  vertices,  // local id (8 bytes, big-endian) -> vertex head
  edges,     // local id, side (1), separator: type (4), neighbour (8), rank (8, order-preserving); big-endian -> chunk
  keys,      // hash128(space, key) (16 bytes) -> local ids with that hash (8 bytes each, little-endian; nearly always one)
  names,     // name id (4, big-endian) -> text
  postings,  // space (8), label (4), block (8); big-endian -> roaring bitmap of the lower 16 bits of local ids
  ordered,   // index (4), sort key, local id (8) -> nothing
  spaces,    // space id (8, big-endian) -> record
  sessions,  // session id (8, big-endian) -> record
  count_
};

struct WarmChange {
  WarmTable table;
  std::string key;
  BlobRef value;             // empty reference: delete (absent is not an error)
};

struct WarmOptions {
  std::string path;                       // directory; made if it is not there
  std::size_t initial_map_bytes = std::size_t{1} << 30;
  bool read_only = false;                 // for `engram verify` and `engram log`
};

class WarmStore {
 public:
  /// What this version writes. A store with a higher number is refused: an older engine must not touch it.
  static constexpr std::uint32_t format_version = 1;

  /// Errors: corrupt, unsupported (a newer format; the message names both versions), disk_full, unavailable (in use).
  static Result<std::unique_ptr<WarmStore>> open(const WarmOptions& options);
  ~WarmStore();

  /// A consistent view. Cheap; make one a batch of reads and let it go (a view that is kept makes the file grow).
  /// At most 126 at a time: one more answers `unavailable` to everything. It may move between threads, but is for one
  /// at a time; it ends before the store does, and no thread holds one across its own `write` (growing waits for it).
  class View {
   public:
    explicit View(const WarmStore& store);
    ~View();
    View(const View&) = delete;
    View& operator=(const View&) = delete;

    /// The value, without its checksum; valid while the view lives. Error `corrupt` names table and key.
    [[nodiscard]] Result<std::optional<Bytes>> get(WarmTable table, Bytes key) const;
    /// Visits entries from `first` on while their keys start with `prefix` and `visit` returns true. A damaged value ends
    /// it with `corrupt`. For who does not need the values: `damaged` is told, and the entry is visited without one.
    Status scan(WarmTable table, Bytes first, Bytes prefix, const std::function<bool(Bytes key, Bytes value)>& visit,
                const std::function<void(const Status&)>& damaged = {}) const;
    /// The LSN that this view reflects; 0 for a new store.
    [[nodiscard]] Lsn applied_lsn() const;
    [[nodiscard]] std::uint64_t entries(WarmTable table) const;

   private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

  /// Applies the changes (sorted here by table and key) and the LSN in one transaction and commits it. Grows the map as
  /// needed. A key that comes more than once: the last change counts. On an error nothing of it is there; `disk_full`
  /// may be retried with the same changes, and so may `unavailable` (a view was open for too long). `internal`: the disk
  /// failed in a way that is not lack of room; the owner stops, since what the kernel has dropped is not known.
  Status write(std::vector<WarmChange> changes, Lsn applied_lsn);
  /// The same in two steps, for who may have to write the same changes again: `sort` once (of several changes of one key
  /// the last stays), then `write_sorted` until it succeeds.
  static void sort(std::vector<WarmChange>& changes);
  Status write_sorted(const std::vector<WarmChange>& changes, Lsn applied_lsn);
  /// Forces everything committed to disk; afterwards `synced_lsn` is what was applied last.
  Status sync();
  /// Afterwards the stored pages do not count as this process's memory until they are read again.
  void release_pages() const;
  /// What a power cut cannot take back. Every write makes the one before it durable, and so moves this on.
  [[nodiscard]] Lsn synced_lsn() const;

  /// Walks all tables and verifies every checksum and count, in one view (so: on a store that is not written to).
  /// `progress` (may be empty) is called now and then, `damaged` (may be empty) for every damaged entry.
  /// Error `corrupt`: how many, and the first.
  Status check(const std::function<void(WarmTable table, std::uint64_t done, std::uint64_t total)>& progress,
               const std::function<void(const Status&)>& damaged = {}) const;

  struct Sizes {
    std::uint64_t map_bytes = 0;
    std::uint64_t used_bytes = 0;    // pages in use, free pages not counted
    std::uint64_t file_bytes = 0;
  };
  [[nodiscard]] Sizes sizes() const;
  /// Frees reader slots of processes that died; call it now and then.
  void check_readers();

 private:
  WarmStore();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Keys of the tables, in one place.
std::string warm_vertex_key(LocalId id);
std::string warm_key_hash(SpaceId space, std::string_view key);

}  // namespace engram
