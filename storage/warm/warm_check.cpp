#include "storage/warm/warm_pages.h"
#include "storage/warm/warm_store.h"
#include "storage/warm/warm_store_impl.h"

namespace engram {

namespace {

constexpr std::uint64_t progress_every = 4096;

/// Gathers what one check finds.
class Findings {
 public:
  explicit Findings(const std::function<void(const Status&)>& damaged) : damaged_(damaged) {}
  void add(Status status) {
    if (damaged_) damaged_(status);
    if (count_++ == 0) first_ = std::move(status);
  }
  [[nodiscard]] Status summary() const {
    if (count_ <= 1) return first_;
    return {Code::corrupt, std::to_string(count_) + " damages found; the first: " + first_.message()};
  }

 private:
  const std::function<void(const Status&)>& damaged_;
  std::uint64_t count_ = 0;
  Status first_;
};

}  // namespace

Status WarmStore::check(
    const std::function<void(WarmTable table, std::uint64_t done, std::uint64_t total)>& progress,
    const std::function<void(const Status&)>& damaged) const {
  Status pages = check_warm_pages(impl_->environment->path(), WarmPages::all);  // else LMDB may crash on the way
  if (!pages.ok()) {
    if (damaged) damaged(pages);
    return pages;
  }
  auto reader = impl_->environment->lend_reader();
  if (!reader.ok()) return reader.status();
  Findings findings(damaged);
  for (std::size_t i = 0; i < warm_table_count; ++i) {
    auto table = static_cast<WarmTable>(i);
    MDB_stat statistics{};
    LmdbCursor cursor(*reader, impl_->handle(table));
    int error = cursor.error() != 0 ? cursor.error() : mdb_stat(*reader, impl_->handle(table), &statistics);
    std::uint64_t done = 0;
    MDB_val key{};
    MDB_val stored{};
    if (error == 0) error = mdb_cursor_get(cursor.handle(), &key, &stored, MDB_FIRST);
    for (; error == 0; error = mdb_cursor_get(cursor.handle(), &key, &stored, MDB_NEXT)) {
      if (!open_warm_value(table, bytes_of(key), bytes_of(stored)))
        findings.add(warm_damage(table, bytes_of(key), impl_->environment->path()));
      if (++done % progress_every == 0 && progress) progress(table, done, statistics.ms_entries);
    }
    if (error != MDB_NOTFOUND) {
      findings.add(impl_->failure(error, std::string("read table '") + warm_table_name(table) + "' of"));
    } else if (done != statistics.ms_entries) {
      findings.add({Code::corrupt, std::string("table '") + warm_table_name(table) + "' of " +
                                       impl_->environment->path() + " has " + std::to_string(done) + " of " +
                                       std::to_string(statistics.ms_entries) + " entries: pages are missing"});
    }
    if (progress) progress(table, done, statistics.ms_entries);
  }
  impl_->environment->give_back(*reader);
  return findings.summary();
}

}  // namespace engram
