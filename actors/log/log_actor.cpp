#include "actors/log/log_actor.h"

#include <algorithm>

#include <sched.h>

#include "actors/runtime/inline_unit.h"

namespace engram {
namespace {

/// A group of so few records is applied right here, by the log thread: no hop. After a bigger one the workers apply while
/// this thread syncs the next group.
constexpr std::size_t apply_here_records = 4;
/// One group is at most so large, so that its sync stays short and memory bounded.
constexpr std::size_t max_group_bytes = std::size_t{8} << 20;

}  // namespace

bool LogInbox::push(Entry entry) {
  std::lock_guard lock(mutex_);
  entries_.push_back(std::move(entry));
  waiting_.store(entries_.size(), std::memory_order_relaxed);
  return !std::exchange(woken_, true);
}

void LogInbox::take(std::vector<Entry>& out) {
  std::lock_guard lock(mutex_);
  out.swap(entries_);
  waiting_.store(0, std::memory_order_relaxed);
  if (out.empty()) woken_ = false;
}

LogActor::LogActor(caf::actor_config& config, LogActorOptions options)
    : caf::event_based_actor(config), options_(std::move(options)) {}

caf::behavior LogActor::make_behavior() {
  delayed_send(this, std::chrono::seconds(1), tick_atom::value);
  return {
      [this](wake_atom) { write_groups(); },
      [this](ReleasePtr& released) {
        released_[released->partition] = released->lsn;
        options_.log->release(released_);
      },
      [this](tick_atom) {
        if (Status status = options_.log->rotate_if_due(); !status.ok() && status.code() != Code::disk_full)
          options_.fatal(status);
        delayed_send(this, std::chrono::seconds(1), tick_atom::value);
      },
  };
}

void LogActor::write_groups() {
  // Where work comes right behind work, waking up costs as much as a short sync.
  bool busy = Clock::now() - last_work_ <= std::chrono::nanoseconds(options_.busy_poll_ns);
  std::vector<LogInbox::Entry> entries;
  while (true) {
    if (busy) wait_for_more();
    entries.clear();
    options_.inbox->take(entries);
    if (entries.empty()) return;
    std::vector<LogInbox::Entry> group;
    std::size_t bytes = 0;
    for (LogInbox::Entry& entry : entries) {
      bytes += entry.command.bytes().size();
      group.push_back(std::move(entry));
      if (bytes < max_group_bytes) continue;
      write_group(group);
      group.clear();
      bytes = 0;
    }
    if (!group.empty()) write_group(group);
    last_work_ = Clock::now();
  }
}

/// Not taken from meanwhile, the inbox has nobody woken.
void LogActor::wait_for_more() const {
  auto until = Clock::now() + std::chrono::nanoseconds(options_.busy_poll_ns);
  while (options_.inbox->waiting() == 0 && Clock::now() < until) ::sched_yield();
}

void LogActor::write_group(std::vector<LogInbox::Entry>& entries) {
  // Records that were queued behind refused ones: their numbers have been given out again.
  std::erase_if(entries, [this](const LogInbox::Entry& entry) {
    auto refused = refused_epochs_.find(entry.partition);
    return refused != refused_epochs_.end() && entry.epoch <= refused->second;
  });
  if (entries.empty()) return;
  std::vector<LogRecord> records;
  records.reserve(entries.size());
  std::size_t bytes = 0;
  for (const LogInbox::Entry& entry : entries) {
    records.push_back({entry.partition, entry.lsn, entry.accepted_ns, 0, entry.command.bytes()});
    bytes += entry.command.bytes().size();
  }
  auto written = options_.log->append_group(records);
  if (!written.ok()) {
    if (options_.log->failed()) options_.fatal(written.status());
    return refuse(entries, written.status());
  }
  options_.gauges->groups.fetch_add(1, std::memory_order_relaxed);
  options_.gauges->records.fetch_add(records.size(), std::memory_order_relaxed);
  if (options_.observe) options_.observe(options_.log->stats().last_sync_ns, records.size(), bytes);
  std::map<PartitionId, Lsn> durable;
  for (const LogInbox::Entry& entry : entries) durable[entry.partition] = entry.lsn;
  bool here = entries.size() <= apply_here_records;
  InlineUnit unit(&system());
  for (auto [partition, lsn] : durable)
    deliver(options_.partitions[partition.value], std::make_shared<Mail>(DurableMail{lsn}), here ? &unit : nullptr);
  unit.run();
}

void LogActor::refuse(const std::vector<LogInbox::Entry>& entries, const Status& status) {
  options_.gauges->refused_groups.fetch_add(1, std::memory_order_relaxed);
  std::map<PartitionId, const LogInbox::Entry*> first;
  for (const LogInbox::Entry& entry : entries) first.try_emplace(entry.partition, &entry);
  for (auto [partition, entry] : first) {
    refused_epochs_[partition] = entry->epoch;
    deliver(options_.partitions[partition.value],
            std::make_shared<Mail>(RefusedMail{entry->lsn, entry->epoch, status}), nullptr);
  }
}

}  // namespace engram
