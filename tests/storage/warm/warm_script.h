#pragma once
// What the tests of the warm store say: put, read, reopen.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>
#include <lmdb.h>

#include "storage/warm/warm_store.h"
#include "tests/support/temporary_directory.h"

namespace engram::test {

inline WarmChange put(WarmTable table, std::string key, std::string_view value) {
  return {table, std::move(key), BlobRef::copy_of(as_bytes(value))};
}
inline WarmChange erase(WarmTable table, std::string key) { return {table, std::move(key), {}}; }

inline std::unique_ptr<WarmStore> open_store(const WarmOptions& options) {
  auto store = WarmStore::open(options);
  INFO(store.status().message());
  REQUIRE(store.ok());
  return std::move(store).value();
}

inline Code open_error(const WarmOptions& options) { return WarmStore::open(options).status().code(); }

inline void write(WarmStore& store, std::uint64_t lsn, std::vector<WarmChange> changes) {
  Status status = store.write(std::move(changes), Lsn{lsn});
  INFO(status.message());
  REQUIRE(status.ok());
}

/// The value, or nothing; a failure fails the test.
inline std::optional<std::string> read(const WarmStore::View& view, WarmTable table, std::string_view key) {
  auto value = view.get(table, as_bytes(key));
  INFO(value.status().message());
  REQUIRE(value.ok());
  if (!*value) return std::nullopt;
  return std::string(as_text(**value));
}
inline std::optional<std::string> read(const WarmStore& store, WarmTable table, std::string_view key) {
  WarmStore::View view(store);
  return read(view, table, key);
}

/// The file of a closed store, without the store's own code in between.
class RawStore {
 public:
  explicit RawStore(const std::string& path) {
    REQUIRE(mdb_env_create(&environment_) == 0);
    mdb_env_set_maxdbs(environment_, 16);
    mdb_env_set_mapsize(environment_, std::size_t{1} << 26);
    REQUIRE(mdb_env_open(environment_, path.c_str(), 0, 0640) == 0);
    REQUIRE(mdb_txn_begin(environment_, nullptr, 0, &transaction_) == 0);
  }
  ~RawStore() {
    REQUIRE(mdb_txn_commit(transaction_) == 0);
    mdb_env_close(environment_);
  }

  std::string stored(const char* table, std::string key) {
    MDB_val name{key.size(), key.data()};
    MDB_val value{};
    REQUIRE(mdb_get(transaction_, handle(table), &name, &value) == 0);
    return {static_cast<const char*>(value.mv_data), value.mv_size};
  }
  void store(const char* table, std::string key, std::string stored) {
    MDB_val name{key.size(), key.data()};
    MDB_val value{stored.size(), stored.data()};
    REQUIRE(mdb_put(transaction_, handle(table), &name, &value, 0) == 0);
  }

 private:
  MDB_dbi handle(const char* table) {
    MDB_dbi number = 0;
    REQUIRE(mdb_dbi_open(transaction_, table, MDB_CREATE, &number) == 0);
    return number;
  }

  MDB_env* environment_ = nullptr;
  MDB_txn* transaction_ = nullptr;
};

}  // namespace engram::test
