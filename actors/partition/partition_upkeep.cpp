// What a partition does beside commands and reads: write-back, purges, building indexes.

#include <algorithm>
#include <limits>

#include "actors/partition/partition.h"
#include "actors/partition/transaction_messages.h"

namespace engram {
namespace {

constexpr std::int64_t write_back_pause_ns = 1'000'000'000;  // while the disk is full, or the map cannot grow
constexpr std::int64_t settle_wait_ns = 3'000'000'000;
// Each well below a millisecond, but for what has to be read from a slow disk.
constexpr std::size_t index_step = 128;  // vertices, or entries
constexpr std::uint32_t purge_step = 128;  // vertices
constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

}  // namespace

void Partition::maybe_write_back(bool now) {
  if (taking_ && now) return take_changes(all);
  if (write_back_running_ || !unwritten()) return;
  std::size_t dirty = core_.graph().hot().dirty_bytes() + core_.graph().ordered().bytes();
  if (dirty_since_ns_ == 0) dirty_since_ns_ = clock_.monotonic_ns();
  bool old = clock_.monotonic_ns() - dirty_since_ns_ > limits_.write_back_after_ns;
  if (!now && dirty < limits_.write_back_bytes && !old) return;
  write_back_running_ = true;
  dirty_since_ns_ = 0;
  index_changed_ = false;
  cut_ = core_.applied();
  core_.cut();
  taking_ = true;
  take_changes(now ? all : limits_.write_back_step);
}

void Partition::take_changes(std::size_t vertices) {
  taking_ = !core_.take_some(vertices);
  if (taking_) return take_step_soon();
  host_.write_back(core_.taken(), cut_);
}

void Partition::take_step_soon() {
  if (!std::exchange(step_due_, true)) host_.step_soon();
}

void Partition::on(StepMail) {
  step_due_ = false;
  if (taking_) take_changes(limits_.write_back_step);
  work_in_background();
}

void Partition::retry_write_back() {
  if (write_back_again_ns_ == 0 || clock_.monotonic_ns() < write_back_again_ns_) return;
  write_back_again_ns_ = 0;
  host_.write_back_again();
}

void Partition::on(WrittenBackMail mail) {
  store_full_ = mail.status;
  // Nothing is lost, it is all in the log: room may come, and a read that is slow enough to keep the map from growing ends.
  if (mail.status.code() == Code::disk_full || mail.status.code() == Code::unavailable) {
    write_back_again_ns_ = clock_.monotonic_ns() + write_back_pause_ns;
    return;
  }
  write_back_running_ = false;
  if (!mail.status.ok()) host_.panic(mail.status);
  written_back_ = mail.lsn;
  core_.written_back();
  gauges_.write_backs.fetch_add(1, std::memory_order_relaxed);
  continue_flush();
  update_gauges();
}

void Partition::on(FlushMail mail) {
  if (!std::exchange(stopping_, true)) stopping_since_ns_ = clock_.monotonic_ns();
  flushes_.push_back(std::move(mail.port));
  continue_flush();
}

/// What is decided and not acknowledged by all will be logged once more, here or elsewhere. Another node may be away for
/// long: what waits for it is part of the state, and goes on with the next start.
bool Partition::settled() const {
  bool others_heard = unacknowledged_.empty() && to_forget_.empty() && core_.prepared() == 0;
  bool waited = clock_.monotonic_ns() - stopping_since_ns_ > settle_wait_ns;
  return pending_.empty() && to_log_again_.empty() && (others_heard || waited);
}

void Partition::continue_flush() {
  if (flushes_.empty()) return;
  if (!to_forget_.empty()) append(forget_message(std::exchange(to_forget_, {})));
  if (!settled()) return;  // what is applied or acknowledged next comes back here
  if (unwritten()) return maybe_write_back(true);
  if (write_back_running_) return;
  for (ReplyPortPtr& port : std::exchange(flushes_, {})) port->reply(outcome_answer({}));
}

void Partition::on(TickMail) {
  housekeeping();
  tick_transactions();
  append_again();
  work_in_background();
  retry_write_back();
  maybe_write_back(false);
  continue_flush();
  update_gauges();
}

void Partition::housekeeping() {
  std::int64_t now = clock_.monotonic_ns();
  std::vector<RequestMail> expired;
  std::erase_if(held_reads_, [&](HeldRead& held) {
    std::int64_t deadline = deadline_of(held.mail);
    if (!held.mail.port->cancelled() && (deadline == 0 || now <= deadline)) return false;
    expired.push_back(std::move(held.mail));
    return true;
  });
  for (RequestMail& mail : expired) run_read(std::move(mail));
}

/// What is left at a stop goes on with the next start.
void Partition::work_in_background() {
  if (stopping_) return;
  purge_some();
  bool drops = drop_index_entries(), builds = build_index();
  if (drops || builds) take_step_soon();
}

/// The next one follows when this one is applied.
void Partition::purge_some() {
  if (purge_lsn_ > core_.applied() || core_.graph().spaces().dropped().empty() || !room_for_write().ok()) return;
  capnp::MallocMessageBuilder message;
  message.initRoot<schema::Command>().initPurge().setVertices(purge_step);
  purge_lsn_ = append(CommandBytes::of(message));
}

bool Partition::drop_index_entries() {
  const std::vector<IndexNumber>& dropped = core_.graph().spaces().dropped_indexes();
  if (dropped.empty()) return false;
  index_changed_ = true;
  IndexNumber index = dropped.front();
  Status damage = core_.graph().drop_index_entries(index_step);
  // Once an index: nobody asks it any more, and a large one takes many steps.
  if (!damage.ok() && std::exchange(drop_reported_, index) != index) host_.report_unreadable(damage);
  return !dropped.empty() && core_.graph().store() != nullptr;
}

bool Partition::build_index() {
  Graph& graph = core_.graph();
  if (!build_) {
    std::vector<SpaceId> unready = graph.spaces().unready();
    if (unready.empty()) return false;
    Space* space = graph.spaces().find(unready.front());
    for (const DeclaredIndex& index : space->indexes)
      if (!index.ready && index.damage.ok()) build_ = IndexBuild{space->route.id, index.number, LocalId{0}};
  }
  if (build_->loading) return false;  // what comes goes on
  Space* space = graph.spaces().find(build_->space);
  auto index = space == nullptr ? nullptr : &space->indexes;
  auto at = index == nullptr ? std::vector<DeclaredIndex>::iterator()
                             : std::find_if(index->begin(), index->end(), [&](const DeclaredIndex& one) {
                                 return one.number == build_->index;
                               });
  bool gone = index == nullptr || at == index->end();
  if (gone) build_.reset();
  if (gone) return true;
  std::vector<LocalId> some;
  graph.postings().for_each_from(build_->space, at->label, build_->next, [&](LocalId id) {
    some.push_back(id);
    return some.size() < index_step;
  });
  if (load_for_index(some)) return false;
  index_changed_ = true;
  for (LocalId id : some) graph.fill_index(*space, *at, id);
  at->damage = graph.take_failure();
  if (!at->damage.ok() || some.empty()) {
    at->ready = at->damage.ok();
    if (at->ready) graph.spaces().mark_dirty(*space);
    build_.reset();
  } else {
    build_->next = LocalId{some.back().value + 1};
    build_->loaded = false;
  }
  return true;
}

/// True: a loader reads what is not in memory, and the step waits for it. Once: what is gone again when it came, since there is
/// next to no memory, or could not be read, is read on the spot.
bool Partition::load_for_index(const std::vector<LocalId>& vertices) {
  Graph& graph = core_.graph();
  Needs needs;
  needs.generation = graph.generation();
  graph.record_misses(&needs);
  for (LocalId id : vertices) graph.vertex(id);
  graph.record_misses(nullptr);
  if (needs.empty() || build_->loaded) return false;
  build_->loading = true;
  load(std::move(needs), [this](const Status&) {
    if (build_) build_->loading = false, build_->loaded = true;
    take_step_soon();
  });
  return true;
}

}  // namespace engram
