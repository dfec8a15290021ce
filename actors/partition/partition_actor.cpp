#include "actors/partition/partition_actor.h"

#include "storage/base/failpoint.h"
#include "storage/base/free_memory.h"

namespace engram {
namespace {

constexpr std::chrono::microseconds step_pause{500};
constexpr std::int64_t report_again_ns = 1'000'000'000;  // a client may ask for what is damaged again and again

}  // namespace

void deliver_mail(PartitionServices& services, PartitionId to, Mail mail, caf::execution_unit* unit) {
  const caf::actor& here = services.partitions[to.value];
  if (here == nullptr) return services.others->send(to, std::move(mail));
  deliver(here, std::make_shared<Mail>(std::move(mail)), unit);
}

PartitionRuntime::PartitionRuntime(const CoreOptions& options, const PartitionLimits& limits,
                                   std::unique_ptr<WarmStore> store, PartitionServices& services, const Clock& clock,
                                   std::uint64_t random)
    : self_(options.self),
      store_(std::move(store)),
      services_(services),
      partition_(options, limits, *this, clock, random) {}

void PartitionRuntime::append(Lsn lsn, std::uint64_t epoch, std::int64_t accepted_ns, const CommandBytes& command) {
  // Always on a thread of its own: the log actor is detached.
  if (services_.inbox->push({self_, lsn, epoch, accepted_ns, command}))
    deliver(services_.log, wake_atom::value, nullptr);
}

void PartitionRuntime::send(PartitionId to, Mail mail) { deliver_mail(services_, to, std::move(mail), actor_->context()); }

void PartitionRuntime::post(PartitionId to, Mail mail) { deliver_mail(services_, to, std::move(mail), nullptr); }

void PartitionRuntime::load(std::uint64_t number, Needs needs) {
  services_.loaders->run([this, number, needs = std::move(needs)] {
    auto parts = read_parts(*store_, needs);
    if (!parts.ok()) report_unreadable(parts.status());
    deliver(services_.partitions[self_.value], std::make_shared<Mail>(LoadedMail{number, std::move(parts)}), nullptr);
  });
}

void PartitionRuntime::report_unreadable(const Status& status) {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  std::int64_t now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  std::int64_t before_ns = unreadable_reported_ns_.load();
  if (now_ns - before_ns < report_again_ns) return;
  if (unreadable_reported_ns_.compare_exchange_strong(before_ns, now_ns)) services_.report_unreadable(self_, status);
}

void PartitionRuntime::write_back(std::vector<WarmChange> changes, Lsn applied) {
  write_back_ = std::make_shared<WriteBack>(WriteBack{std::move(changes), applied});
  write_back_again();
}

void PartitionRuntime::begin_with(std::vector<WarmChange> unwritten, Lsn applied) {
  write_back_ = std::make_shared<WriteBack>(WriteBack{std::move(unwritten), applied, true});
  partition_.begin_with_write_back();
}

void PartitionRuntime::write_back_again() {
  services_.writers->run([this, batch = write_back_] {
    Failpoints::hit("write_back.before");
    auto started = std::chrono::steady_clock::now();
    if (!std::exchange(batch->sorted, true)) WarmStore::sort(batch->changes);
    Status status = store_->write_sorted(batch->changes, batch->applied);
    if (status.ok()) status = store_->sync();
    Failpoints::hit("write_back.after");
    store_->release_pages();
    if (full_reported_ != !status.ok()) services_.report_write_back(self_, status);
    full_reported_ = !status.ok();
    if (status.ok()) {
      auto elapsed = std::chrono::steady_clock::now() - started;
      services_.observe_write_back(batch->changes.size(), std::chrono::nanoseconds(elapsed).count());
      deliver(services_.log, std::make_shared<Released>(Released{self_, store_->synced_lsn()}), nullptr);
      batch->changes = {};  // the next batch may be an hour away
    }
    deliver(services_.partitions[self_.value], std::make_shared<Mail>(WrittenBackMail{status, batch->applied}), nullptr);
    return_free_memory();  // a write-back of a load leaves as much again as the graph takes, and none soon follows
  });
}

void PartitionRuntime::wake_in(std::int64_t duration_ns) {
  actor_->delayed_send(actor_, std::chrono::nanoseconds(duration_ns), std::make_shared<Mail>(TickMail{}));
}

void PartitionRuntime::step_soon() {
  // Behind a pause and not at the end of the mailbox: an event loop may be what runs the partition just now, and would
  // take it all.
  actor_->delayed_send(actor_, step_pause, std::make_shared<Mail>(StepMail{}));
}

void PartitionRuntime::panic(const Status& status) {
  services_.fatal(status);
  std::abort();
}

PartitionActor::PartitionActor(caf::actor_config& config, PartitionRuntime* runtime)
    : MailActor(config), runtime_(runtime) {
  runtime_->run_in(this);
}

caf::behavior PartitionActor::make_behavior() {
  delayed_send(this, std::chrono::milliseconds(100), tick_atom::value);
  return {
      [this](MailPtr& mail) {
        runtime_->count_mail(-1);
        runtime_->partition().receive(std::move(*mail));
      },
      [this](tick_atom) {
        runtime_->count_mail(-1);
        runtime_->partition().receive(TickMail{});
        delayed_send(this, std::chrono::milliseconds(100), tick_atom::value);
      },
  };
}

}  // namespace engram
