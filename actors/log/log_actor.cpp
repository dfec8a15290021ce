#include "actors/log/log_actor.h"

#include <algorithm>
#include <set>

#include <sched.h>

#include "actors/partition/core/partition_core.h"
#include "actors/runtime/inline_unit.h"

namespace engram {
namespace {

/// A group of so few records is applied right here, by the log thread: no hop. After a bigger one the workers apply while
/// this thread syncs the next group.
constexpr std::size_t small_group = 4;
/// One group is at most so large, so that its sync stays short and memory bounded.
constexpr std::size_t max_group_bytes = std::size_t{8} << 20;
/// Releases and the clock wait in the mailbox meanwhile, and under load the inbox may never be empty.
constexpr auto longest_turn = std::chrono::milliseconds(50);

/// Whether it ends a transaction whose outcome is durable elsewhere, and known to who wanted it.
bool ends_what_is_decided(const CommandBytes& command) {
  CommandView view(command);
  return view.root().isDecide() || view.root().isForget();
}

/// Whether it ends something that is open: without it reads could have to wait.
bool settles(const CommandBytes& command) {
  CommandView view(command);
  return view.root().isDecide() || view.root().isAbort() || view.root().isForget();
}

/// Keeps what each partition's records begin with that settles something. Answers the others: behind one that is refused
/// nothing of its partition can be written.
std::vector<LogInbox::Entry> keep_settling(std::vector<LogInbox::Entry>& entries) {
  std::vector<LogInbox::Entry> kept, others;
  std::set<PartitionId> ended;
  for (LogInbox::Entry& entry : entries) {
    if (!ended.contains(entry.partition) && !settles(entry.command)) ended.insert(entry.partition);
    (ended.contains(entry.partition) ? others : kept).push_back(std::move(entry));
  }
  entries = std::move(kept);
  return others;
}

}  // namespace

bool LogInbox::push(Entry entry) {
  bool waited_for = !ends_what_is_decided(entry.command);
  std::lock_guard lock(mutex_);
  entries_.push_back(std::move(entry));
  if (waited_for) press();
  waiting_.store(entries_.size(), std::memory_order_relaxed);
  return !std::exchange(woken_, true);
}

void LogInbox::take(std::vector<Entry>& out) {
  std::lock_guard lock(mutex_);
  out.swap(entries_);
  waiting_.store(0, std::memory_order_relaxed);
  pressing_.store(false, std::memory_order_relaxed);
  if (out.empty()) woken_ = false;
}

LogActor::LogActor(caf::actor_config& config, LogActorOptions options)
    : MailActor(config), options_(std::move(options)) {}

caf::behavior LogActor::make_behavior() {
  delayed_send(this, std::chrono::seconds(1), tick_atom::value);
  return {
      [this](wake_atom) { write_groups(); },
      [this](ReleasePtr& released) {
        released_[released->partition] = released->lsn;
        options_.log->release(released_);
      },
      [this](tick_atom) {
        // Without room or file descriptors it is tried again.
        if (Status status = options_.log->rotate_if_due(); options_.log->failed()) options_.fatal(status);
        delayed_send(this, std::chrono::seconds(1), tick_atom::value);
      },
  };
}

void LogActor::write_groups() {
  // Where work comes right behind work, waking up costs as much as a short sync.
  bool busy = Clock::now() - last_work_ <= std::chrono::nanoseconds(options_.busy_poll_ns);
  std::vector<LogInbox::Entry> entries;
  Clock::time_point until = Clock::now() + longest_turn;
  while (true) {
    if (Clock::now() > until) return send(this, wake_atom::value);
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

/// Not taken from meanwhile, the inbox has nobody woken. With few clients a decision alone does not end the wait: its sync
/// would keep the next command of the same client waiting, which comes before it is done.
void LogActor::wait_for_more() const {
  auto until = Clock::now() + std::chrono::nanoseconds(options_.busy_poll_ns);
  auto enough = [&] { return last_group_ <= small_group ? options_.inbox->pressing() : options_.inbox->waiting() != 0; };
  while (!enough() && Clock::now() < until) ::sched_yield();
}

void LogActor::write_group(std::vector<LogInbox::Entry>& entries) {
  // Records that were queued behind refused ones: their numbers have been given out again.
  std::erase_if(entries, [this](const LogInbox::Entry& entry) {
    auto refused = refused_epochs_.find(entry.partition);
    return refused != refused_epochs_.end() && entry.epoch <= refused->second;
  });
  if (entries.empty()) return;
  auto written = append(entries, LogRoom::ordinary);
  if (written.ok()) return announce(entries);
  if (options_.log->failed()) return options_.fatal(written.status());
  std::vector<LogInbox::Entry> others = keep_settling(entries);
  if (!entries.empty()) {
    auto settled = append(entries, LogRoom::reserve);
    if (options_.log->failed()) return options_.fatal(settled.status());
    settled.ok() ? announce(entries) : refuse(entries, settled.status());
  }
  refuse(others, written.status());
}

Result<LogPosition> LogActor::append(const std::vector<LogInbox::Entry>& entries, LogRoom room) {
  last_group_ = entries.size();
  std::vector<LogRecord> records;
  records.reserve(entries.size());
  for (const LogInbox::Entry& entry : entries)
    records.push_back({entry.partition, entry.lsn, entry.accepted_ns, options_.ownership_epochs[entry.partition.value],
                       entry.command.bytes()});
  auto written = options_.log->append_group(records, room);
  if (!written.ok()) return written;
  options_.gauges->groups.fetch_add(1, std::memory_order_relaxed);
  options_.gauges->records.fetch_add(records.size(), std::memory_order_relaxed);
  if (options_.observe) options_.observe(options_.log->stats().last_sync_ns, records.size());
  return written;
}

void LogActor::announce(const std::vector<LogInbox::Entry>& entries) {
  std::map<PartitionId, Lsn> durable;
  for (const LogInbox::Entry& entry : entries) durable[entry.partition] = entry.lsn;
  bool here = entries.size() <= small_group;
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
