#include <algorithm>

#include "storage/warm/warm_store.h"
#include "storage/warm/warm_store_impl.h"

namespace engram {

struct WarmStore::View::Impl {
  const WarmStore::Impl& store;
  MDB_txn* transaction = nullptr;
  Status status;
};

WarmStore::View::View(const WarmStore& store) : impl_(new Impl{*store.impl_, nullptr, {}}) {
  auto reader = store.impl_->environment->lend_reader();
  if (reader.ok()) {
    impl_->transaction = *reader;
  } else {
    impl_->status = reader.status();
  }
}

WarmStore::View::~View() {
  if (impl_->transaction != nullptr) impl_->store.environment->give_back(impl_->transaction);
}

Result<std::optional<Bytes>> WarmStore::View::get(WarmTable table, Bytes key) const {
  if (!impl_->status.ok()) return impl_->status;
  return impl_->store.read(impl_->transaction, table, key);
}

Status WarmStore::View::scan(WarmTable table, Bytes first, Bytes prefix,
                             const std::function<bool(Bytes key, Bytes value)>& visit,
                             const std::function<void(const Status&)>& damaged) const {
  if (!impl_->status.ok()) return impl_->status;
  if (prefix.size() > warm_max_key_bytes) return {};
  LmdbCursor cursor(impl_->transaction, impl_->store.handle(table));
  if (cursor.error() != 0) return impl_->store.failure(cursor.error(), "read");
  Bytes from = as_text(first) < as_text(prefix) ? prefix : first;
  MDB_val key = lmdb_value(from);
  MDB_val stored{};
  int error = mdb_cursor_get(cursor.handle(), &key, &stored, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
  for (; error == 0; error = mdb_cursor_get(cursor.handle(), &key, &stored, MDB_NEXT)) {
    Bytes found = bytes_of(key);
    if (!as_text(found).starts_with(as_text(prefix))) return {};
    std::optional<Bytes> value = open_warm_value(table, found, bytes_of(stored));
    if (!value) {
      Status damage = warm_damage(table, found, impl_->store.environment->path());
      if (!damaged) return damage;
      damaged(damage);
    }
    if (!visit(found, value.value_or(Bytes()))) return {};
  }
  return error == MDB_NOTFOUND ? Status() : impl_->store.failure(error, "read");
}

Lsn WarmStore::View::applied_lsn() const {
  if (!impl_->status.ok()) return {};
  auto lsn = impl_->store.read_header(impl_->transaction, warm_applied_lsn_name);
  return lsn.ok() ? Lsn{*lsn} : Lsn{};
}

std::uint64_t WarmStore::View::entries(WarmTable table) const {
  MDB_stat statistics{};
  if (!impl_->status.ok() || mdb_stat(impl_->transaction, impl_->store.handle(table), &statistics) != 0) return 0;
  return statistics.ms_entries;
}

}  // namespace engram
