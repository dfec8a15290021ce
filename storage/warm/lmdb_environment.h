#pragma once
// A thin owner of one LMDB environment: opens it, lends read transactions, and grows the map.
//
// The map may be replaced only while no transaction is active in the process: lending counts the read transactions that
// are out, and growing waits for them (new ones wait meanwhile). One writer at a time: the caller sees to that.
// In a crash: LMDB's guarantees hold, and the slots of dead readers are freed at the next open or check_readers().

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <lmdb.h>

#include "storage/base/result.h"
#include "storage/warm/warm_file.h"

namespace engram {

/// What an LMDB error means to the user. `doing` completes "cannot ... the warm store".
Status lmdb_failure(int error, const std::string& path, const std::string& doing);

class LmdbEnvironment {
 public:
  /// As many read transactions may be out at a time; LMDB has a slot in its lock file for each.
  static constexpr unsigned max_readers = 126;
  static constexpr unsigned max_tables = 16;

  static Result<std::unique_ptr<LmdbEnvironment>> open(const std::string& path, std::size_t map_bytes, bool read_only);
  ~LmdbEnvironment();
  LmdbEnvironment(const LmdbEnvironment&) = delete;
  LmdbEnvironment& operator=(const LmdbEnvironment&) = delete;

  [[nodiscard]] MDB_env* handle() const { return environment_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const WarmDirectory& directory() const { return directory_; }
  /// Whether the files were there before, and whether they have to be checked.
  [[nodiscard]] const WarmFileCheck& file_check() const { return file_check_; }
  [[nodiscard]] std::uint64_t map_bytes();
  [[nodiscard]] std::uint64_t file_bytes() const;

  /// Lends a read transaction that sees the last commit. Every one lent is given back, from any thread.
  Result<MDB_txn*> lend_reader();
  void give_back(MDB_txn* reader);

  /// Doubles the map. Waits for the read transactions that are out, about ten seconds; then `unavailable`.
  /// No write transaction may be open.
  Status grow();
  void check_readers();
  /// Lets go of the pages of the map that were read or written so far: they stay in the system's page cache, but do not
  /// count as this process's memory until they are touched again. Readers may go on meanwhile.
  void release_pages();

 private:
  LmdbEnvironment() = default;
  [[nodiscard]] std::uint64_t mapped_bytes() const;  // under the mutex: it reads the map
  bool wait_for_readers(std::unique_lock<std::mutex>& lock);

  std::string path_;
  WarmDirectory directory_;
  WarmFileCheck file_check_;
  MDB_env* environment_ = nullptr;

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned lent_ = 0;
  bool growing_ = false;
  std::vector<MDB_txn*> idle_;  // reset, kept so that the next reader costs no allocation and no slot search
};

/// A write transaction: aborted unless committed.
class LmdbWrite {
 public:
  explicit LmdbWrite(MDB_env* environment) { error_ = mdb_txn_begin(environment, nullptr, 0, &transaction_); }
  ~LmdbWrite() {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
  }
  LmdbWrite(const LmdbWrite&) = delete;
  LmdbWrite& operator=(const LmdbWrite&) = delete;

  /// What beginning it answered; 0 if all is well.
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] MDB_txn* handle() const { return transaction_; }
  int commit() { return mdb_txn_commit(std::exchange(transaction_, nullptr)); }

 private:
  MDB_txn* transaction_ = nullptr;
  int error_ = 0;
};

class LmdbCursor {
 public:
  LmdbCursor(MDB_txn* transaction, MDB_dbi table) { error_ = mdb_cursor_open(transaction, table, &cursor_); }
  ~LmdbCursor() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }
  LmdbCursor(const LmdbCursor&) = delete;
  LmdbCursor& operator=(const LmdbCursor&) = delete;

  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] MDB_cursor* handle() const { return cursor_; }

 private:
  MDB_cursor* cursor_ = nullptr;
  int error_ = 0;
};

}  // namespace engram
