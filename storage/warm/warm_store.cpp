#include "storage/warm/warm_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <tuple>
#include <utility>

#include "storage/base/damage.h"
#include "storage/base/failpoint.h"
#include "storage/warm/warm_store_impl.h"

namespace engram {

namespace {

constexpr int max_doublings = 40;

int put(MDB_cursor* cursor, WarmTable table, Bytes key, Bytes value, unsigned flags) {
  MDB_val stored_key = lmdb_value(key);
  MDB_val stored{value.size() + warm_checksum_bytes, nullptr};
  int error = mdb_cursor_put(cursor, &stored_key, &stored, flags | MDB_RESERVE);
  if (error == 0) seal_warm_value(table, key, value, static_cast<std::byte*>(stored.mv_data));
  return error;
}

int put_header(MDB_txn* transaction, MDB_dbi header, std::string_view name, std::uint64_t number) {
  LmdbCursor cursor(transaction, header);
  if (cursor.error() != 0) return cursor.error();
  Bytes value{reinterpret_cast<const std::byte*>(&number), sizeof number};
  return put(cursor.handle(), warm_header_table, as_bytes(name), value, 0);
}

/// Sorts by table and key; of several changes to one key the last one stays.
/// By table first, in one pass; then each table by key. What a partition hands out is in order already, but for the table
/// of keys, so that most tables only pay for the look.
void sort_by_name(std::vector<WarmChange>& changes) {
  std::array<std::vector<WarmChange>, static_cast<std::size_t>(WarmTable::count_)> tables;
  for (WarmChange& change : changes) {
    // A table that there is none of is for write_sorted to refuse.
    std::size_t table = std::min(static_cast<std::size_t>(change.table), tables.size() - 1);
    tables[table].push_back(std::move(change));
  }
  changes.clear();
  for (std::vector<WarmChange>& table : tables) {
    auto before = [](const WarmChange& a, const WarmChange& b) { return a.key < b.key; };
    if (!std::is_sorted(table.begin(), table.end(), before)) std::stable_sort(table.begin(), table.end(), before);
    std::move(table.begin(), table.end(), std::back_inserter(changes));
  }
}

}  // namespace

void WarmStore::sort(std::vector<WarmChange>& changes) {
  auto name = [](const WarmChange& change) { return std::tie(change.table, change.key); };
  sort_by_name(changes);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (i + 1 < changes.size() && name(changes[i]) == name(changes[i + 1])) continue;
    if (kept != i) changes[kept] = std::move(changes[i]);
    ++kept;
  }
  changes.erase(changes.begin() + static_cast<std::ptrdiff_t>(kept), changes.end());
}

namespace {

Status check_change(const WarmChange& change) {
  if (change.table >= WarmTable::count_) return {Code::internal, "a change for a table that the warm store lacks"};
  if (!change.key.empty() && change.key.size() <= warm_max_key_bytes) return {};
  return {Code::too_large, std::string("a key of table '") + warm_table_name(change.table) + "' has " +
                               std::to_string(change.key.size()) + " bytes; 1 to " +
                               std::to_string(warm_max_key_bytes) + " are possible",
          "key", warm_max_key_bytes};
}

}  // namespace

Result<std::optional<Bytes>> WarmStore::Impl::read(MDB_txn* transaction, WarmTable table, Bytes key) const {
  if (key.empty() || key.size() > warm_max_key_bytes) return std::optional<Bytes>();
  MDB_val stored_key = lmdb_value(key);
  MDB_val stored{};
  int error = mdb_get(transaction, handle(table), &stored_key, &stored);
  if (error == MDB_NOTFOUND) return std::optional<Bytes>();
  if (error != 0) return failure(error, "read");
  std::optional<Bytes> value = open_warm_value(table, key, bytes_of(stored));
  if (!value) return warm_damage(table, key, environment->path());
  return value;
}

Result<std::uint64_t> WarmStore::Impl::read_header(MDB_txn* transaction, std::string_view name) const {
  auto value = read(transaction, warm_header_table, as_bytes(name));
  if (!value.ok()) return value.status();
  std::uint64_t number = 0;
  if (!*value) {  // every store has it from its first transaction on: its name is damaged, or its page
    return warm_store_damage("the warm store " + environment->path() + " has no '" + std::string(name) +
                             "' in its table 'header'");
  }
  if ((*value)->size() != sizeof number) return warm_damage(warm_header_table, as_bytes(name), environment->path());
  std::memcpy(&number, (*value)->data(), sizeof number);
  return number;
}

Status WarmStore::Impl::attach_tables(MDB_txn* transaction) {
  auto format = read_header(transaction, warm_format_name);
  if (!format.ok()) return format.status();
  if (*format > format_version) {
    return {Code::unsupported, "the warm store " + environment->path() + " has format " + std::to_string(*format) +
                                   ", this engine knows formats up to " + std::to_string(format_version) +
                                   ": start the newer engine that wrote it"};
  }
  if (*format == 0) return warm_damage(warm_header_table, as_bytes(warm_format_name), environment->path());
  for (std::size_t i = 0; i < warm_table_count; ++i) {
    int error = mdb_dbi_open(transaction, warm_table_name(static_cast<WarmTable>(i)), 0, &tables[i]);
    if (error == MDB_NOTFOUND) error = MDB_CORRUPTED;
    if (error != 0) return failure(error, "open a table of");
  }
  auto lsn = read_header(transaction, warm_applied_lsn_name);
  if (!lsn.ok()) return lsn.status();
  applied = synced = *lsn;
  return {};
}

Status WarmStore::Impl::create_tables() {
  if (read_only) return {Code::corrupt, "there is no warm store in " + environment->path() + ": the file is empty"};
  LmdbWrite write(environment->handle());
  int error = write.error();
  if (error == 0) error = mdb_dbi_open(write.handle(), warm_table_name(warm_header_table), MDB_CREATE, &header);
  for (std::size_t i = 0; i < warm_table_count && error == 0; ++i)
    error = mdb_dbi_open(write.handle(), warm_table_name(static_cast<WarmTable>(i)), MDB_CREATE, &tables[i]);
  if (error == 0) error = put_header(write.handle(), header, warm_format_name, format_version);
  if (error == 0) error = put_header(write.handle(), header, warm_applied_lsn_name, 0);
  if (error == 0) error = write.commit();
  if (error == 0) error = mdb_env_sync(environment->handle(), 1);
  return error == 0 ? environment->directory().sync() : failure(error, "create");
}

Status WarmStore::Impl::open_tables() {
  MDB_txn* transaction = nullptr;
  int error = mdb_txn_begin(environment->handle(), nullptr, MDB_RDONLY, &transaction);
  if (error != 0) return failure(error, "open");
  error = mdb_dbi_open(transaction, warm_table_name(warm_header_table), 0, &header);
  if (error == 0) {
    Status status = attach_tables(transaction);
    if (!status.ok()) {
      mdb_txn_abort(transaction);
      return status;
    }
    error = mdb_txn_commit(transaction);  // keeps the table handles
    return error == 0 ? Status() : failure(error, "open");
  }
  MDB_dbi main = 0;
  MDB_stat statistics{};
  if (error == MDB_NOTFOUND) {
    error = mdb_dbi_open(transaction, nullptr, 0, &main);
    if (error == 0) error = mdb_stat(transaction, main, &statistics);
  }
  mdb_txn_abort(transaction);
  if (error != 0) return failure(error, "open");
  if (statistics.ms_entries == 0) return create_tables();
  return {Code::corrupt, warm_data_file(environment->path()) + " is an LMDB file, but not a warm store: move it away"};
}

int WarmStore::Impl::apply_table(MDB_txn* transaction, const WarmChange* from, const WarmChange* to) const {
  MDB_dbi table = handle(from->table);
  LmdbCursor cursor(transaction, table);
  if (cursor.error() != 0) return cursor.error();
  MDB_val last{};
  MDB_val ignored{};
  int error = mdb_cursor_get(cursor.handle(), &last, &ignored, MDB_LAST);
  if (error != 0 && error != MDB_NOTFOUND) return error;
  std::string last_key = error == 0 ? std::string(as_text(bytes_of(last))) : std::string();

  for (const WarmChange* change = from; change != to; ++change) {
    bool beyond_last = change->key > last_key;  // and so are all that follow: they are sorted
    if (change->value) {
      error = put(cursor.handle(), change->table, as_bytes(change->key), change->value.bytes(),
                  beyond_last ? MDB_APPEND : 0);
      if (error != 0) return error;
    } else if (!beyond_last) {
      MDB_val key = lmdb_value(as_bytes(change->key));
      error = mdb_del(transaction, table, &key, nullptr);
      if (error != 0 && error != MDB_NOTFOUND) return error;
    }
  }
  return 0;
}

int WarmStore::Impl::apply(const std::vector<WarmChange>& changes, Lsn applied_lsn) {
  LmdbWrite write(environment->handle());
  if (write.error() != 0) return write.error();
  const WarmChange* end = changes.data() + changes.size();
  for (const WarmChange* from = changes.data(); from != end;) {
    const WarmChange* to = std::find_if(from, end, [&](const auto& change) { return change.table != from->table; });
    int error = apply_table(write.handle(), from, to);
    if (error != 0) return error;
    from = to;
  }
  int error = put_header(write.handle(), header, warm_applied_lsn_name, applied_lsn.value);
  if (error != 0) return error;
  if (Failpoints::hit("warm.before_commit")) return ENOSPC;
  return write.commit();
}

void WarmStore::Impl::raise_synced(std::uint64_t lsn) {
  std::uint64_t before = synced.load();
  while (before < lsn && !synced.compare_exchange_weak(before, lsn)) {
  }
}

WarmStore::WarmStore() : impl_(std::make_unique<Impl>()) {}
WarmStore::~WarmStore() = default;

Result<std::unique_ptr<WarmStore>> WarmStore::open(const WarmOptions& options) {
  auto environment = LmdbEnvironment::open(options.path, options.initial_map_bytes, options.read_only);
  if (!environment.ok()) return environment.status();
  std::unique_ptr<WarmStore> store(new WarmStore);
  Impl& impl = *store->impl_;
  impl.environment = std::move(environment).value();
  impl.read_only = options.read_only;
  Status status = impl.open_tables();
  if (!status.ok()) return status;
  if (impl.environment->file_check().extended) {
    status = store->check({});
    if (!status.ok()) return Status(status.code(), "the file was cut short: " + status.message());
  }
  // After a kill, the last commit may be in the page cache only; what is replayed from here on rests on it.
  if (!options.read_only) {
    status = store->sync();
    if (!status.ok()) return status;
  }
  return store;
}

Status WarmStore::write(std::vector<WarmChange> changes, Lsn applied_lsn) {
  sort(changes);
  return write_sorted(changes, applied_lsn);
}

Status WarmStore::write_sorted(const std::vector<WarmChange>& changes, Lsn applied_lsn) {
  if (impl_->read_only) return {Code::internal, "the warm store was opened for reading only"};
  for (const WarmChange& change : changes) {
    Status status = check_change(change);
    if (!status.ok()) return status;
  }
  std::lock_guard writing(impl_->write_mutex);
  int error = impl_->apply(changes, applied_lsn);
  for (int i = 0; error == MDB_MAP_FULL && i < max_doublings; ++i) {
    Status grown = impl_->environment->grow();
    if (!grown.ok()) return grown;
    error = impl_->apply(changes, applied_lsn);
  }
  if (error != 0) return impl_->failure(error, "write to");
  impl_->raise_synced(impl_->applied);  // this commit's sync took the previous one's header page along
  impl_->applied = applied_lsn.value;
  if (Failpoints::hit("warm.after_commit")) return impl_->failure(ENOSPC, "write to");
  return {};
}

Status WarmStore::sync() {
  if (impl_->read_only) return {};
  std::uint64_t applied = impl_->applied;
  int error = mdb_env_sync(impl_->environment->handle(), 1);
  if (error != 0) return impl_->failure(error, "sync");
  impl_->raise_synced(applied);
  return {};
}

void WarmStore::release_pages() const { impl_->environment->release_pages(); }

Lsn WarmStore::synced_lsn() const { return {impl_->synced}; }

WarmStore::Sizes WarmStore::sizes() const {
  Sizes sizes;
  sizes.map_bytes = impl_->environment->map_bytes();
  sizes.file_bytes = impl_->environment->file_bytes();
  auto reader = impl_->environment->lend_reader();
  if (!reader.ok()) return sizes;
  std::uint64_t pages = 2;
  MDB_stat statistics{};
  auto add = [&](MDB_dbi table) {
    if (mdb_stat(*reader, table, &statistics) != 0) return;
    pages += statistics.ms_branch_pages + statistics.ms_leaf_pages + statistics.ms_overflow_pages;
  };
  constexpr MDB_dbi free_pages = 0;
  constexpr MDB_dbi main = 1;
  add(free_pages);
  add(main);
  add(impl_->header);
  for (MDB_dbi table : impl_->tables) add(table);
  sizes.used_bytes = pages * statistics.ms_psize;
  impl_->environment->give_back(*reader);
  return sizes;
}

void WarmStore::check_readers() { impl_->environment->check_readers(); }

}  // namespace engram
