#pragma once
// Shared by the sources of this folder only: what is behind a WarmStore and its views.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <lmdb.h>

#include "storage/warm/lmdb_environment.h"
#include "storage/warm/warm_entry.h"
#include "storage/warm/warm_store.h"

namespace engram {

// The header table keeps this shape in all formats to come, so that every engine can tell which one it has before it.
inline constexpr std::string_view warm_format_name = "format";
inline constexpr std::string_view warm_applied_lsn_name = "applied_lsn";

inline constexpr std::size_t warm_table_count = static_cast<std::size_t>(WarmTable::count_);

inline MDB_val lmdb_value(Bytes bytes) { return {bytes.size(), const_cast<std::byte*>(bytes.data())}; }
inline Bytes bytes_of(const MDB_val& value) { return {static_cast<const std::byte*>(value.mv_data), value.mv_size}; }

struct WarmStore::Impl {
  std::unique_ptr<LmdbEnvironment> environment;
  std::array<MDB_dbi, warm_table_count> tables{};
  MDB_dbi header = 0;
  bool read_only = false;

  std::mutex write_mutex;  // one writer, and no write transaction while the map grows
  std::atomic<std::uint64_t> applied{0};
  std::atomic<std::uint64_t> synced{0};

  [[nodiscard]] MDB_dbi handle(WarmTable table) const {
    return table == warm_header_table ? header : tables[static_cast<std::size_t>(table)];
  }
  [[nodiscard]] Status failure(int error, const std::string& doing) const {
    return lmdb_failure(error, environment->path(), doing);
  }

  /// A value in the given transaction, its checksum verified; nothing if it is not there.
  Result<std::optional<Bytes>> read(MDB_txn* transaction, WarmTable table, Bytes key) const;
  /// A number of the header table, which has to be there.
  Result<std::uint64_t> read_header(MDB_txn* transaction, std::string_view name) const;

  Status open_tables();
  Status create_tables();
  Status attach_tables(MDB_txn* transaction);
  /// All changes (sorted, each key once) and the LSN in one transaction; an LMDB error number.
  int apply(const std::vector<WarmChange>& changes, Lsn applied_lsn);
  int apply_table(MDB_txn* transaction, const WarmChange* from, const WarmChange* to) const;
  void raise_synced(std::uint64_t lsn);
};

}  // namespace engram
