#include "tests/support/simulated_cluster.h"

#include <algorithm>
#include <stdexcept>

namespace engram::test {

class SimulatedCluster::Host final : public PartitionHost {
 public:
  Host(SimulatedCluster& node, const CoreOptions& core, const PartitionLimits& limits, std::uint64_t random)
      : partition(core, limits, *this, node.clock_, random), node_(node), self_(core.self) {}

  void append(Lsn lsn, std::uint64_t epoch, std::int64_t accepted_ns, const CommandBytes& command) override {
    node_.logs_[node_.node_of(self_)].queued.push_back({self_, lsn, epoch, accepted_ns, command});
  }
  void press_log() override { ++node_.presses_; }  // and the log takes its records when chance has it
  void send(PartitionId to, Mail mail) override {
    if (node_.node_of(to) == node_.node_of(self_)) return node_.deliver(self_.value, to, std::move(mail));
    node_.send_over(self_, to, std::move(mail));
  }
  void post(PartitionId to, Mail mail) override { send(to, std::move(mail)); }
  void load(std::uint64_t number, Needs needs) override {
    node_.work(self_, [this, number, needs = std::move(needs)] {
      node_.deliver(from_disk, self_, LoadedMail{number, read_parts(*node_.stores_[self_.value], needs)});
    });
  }
  void write_back(std::vector<WarmChange> changes, Lsn applied) override {
    changes_ = std::move(changes);
    applied_ = applied;
    write_back_again();
  }
  void write_back_again() override {
    node_.work(self_, [this] {
      bool full = node_.options_.full_write_backs_in_100 > node_.random_() % 100;
      Status status = full ? Status(Code::disk_full, "The volume is full.")
                           : node_.stores_[self_.value]->write(std::move(changes_), applied_);
      node_.deliver(from_disk, self_, WrittenBackMail{status, applied_});
    });
  }
  void step_soon() override {
    node_.work(self_, [this] { node_.deliver(from_disk, self_, StepMail{}); });
  }
  void wake_in(std::int64_t) override {}  // the test's ticks come often enough
  [[nodiscard]] bool all_know_deletions() const override { return node_.options_.all_know_deletions; }
  void report_unreadable(const Status& status) override { node_.unreadable_.push_back(status.message()); }
  [[noreturn]] void panic(const Status& status) override {
    throw std::runtime_error("partition " + std::to_string(self_.value) + " stops: " + status.message());
  }

  Partition partition;

 private:
  SimulatedCluster& node_;
  PartitionId self_;
  std::vector<WarmChange> changes_;
  Lsn applied_;
};

class SimulatedCluster::Done final : public ReplyPort {
 public:
  void reply(Frame) override { done = true; }
  bool done = false;
};

/// Leads an answer back over the connection on which its question came.
class SimulatedCluster::LinkPort final : public ReplyPort {
 public:
  LinkPort(SimulatedCluster& cluster, std::uint64_t question) : cluster_(cluster), question_(question) {}
  void reply(Frame answer) override { cluster_.answers_.push_back({question_, std::move(answer)}); }

 private:
  SimulatedCluster& cluster_;
  std::uint64_t question_;
};

SimulatedCluster::SimulatedCluster(const SimulationOptions& options, std::uint64_t seed)
    : options_(options), random_(seed), stores_(options.partitions), log_(options.partitions), logs_(options.nodes),
      hosts_(options.partitions), recovered_(options.partitions) {
  for (NodeLog& log : logs_) log.up = false;
  restart();
}

SimulatedCluster::~SimulatedCluster() = default;

CoreOptions SimulatedCluster::core_options(PartitionId partition) const {
  CoreOptions options;
  options.self = partition;
  options.partitions = options_.partitions;
  options.hot_bytes = options_.hot_bytes;
  return options;
}

PartitionCore& SimulatedCluster::core(PartitionId partition) { return hosts_.at(partition.value)->partition.core(); }

void SimulatedCluster::open_partition(PartitionId partition) {
  PartitionLimits limits;
  limits.write_back_bytes = options_.write_back_bytes;
  limits.write_back_step = 2;  // so that much comes in between
  auto& store = stores_[partition.value];
  if (options_.warm_directory.empty()) {
    limits.write_back_after_ns = std::int64_t{1} << 62;
  } else {
    WarmOptions warm;
    warm.path = options_.warm_directory + "/p" + std::to_string(partition.value);
    warm.initial_map_bytes = std::size_t{4} << 20;
    auto opened = WarmStore::open(warm);
    if (!opened.ok()) throw std::runtime_error("a warm store does not open: " + opened.status().message());
    store = std::move(opened).value();
  }
  auto& host = hosts_[partition.value] = std::make_unique<Host>(*this, core_options(partition), limits, random_());
  PartitionCore& core = host->partition.core();
  if (Status status = core.open(store.get()); !status.ok())
    throw std::runtime_error("a core does not open: " + status.message());
  Lsn written_back = core.applied();
  for (const LoggedCommand& record : log_[partition.value]) {
    if (record.lsn <= core.applied()) continue;
    Effects effects;
    core.apply(record, effects);
    core.graph().evict();
    ++replayed_;
  }
  recovered_[partition.value] = std::make_shared<Done>();
  deliver(from_outside, partition, RecoveredMail{written_back, recovered_[partition.value]});
}

// --- mail -----------------------------------------------------------------------------------------------------------

void SimulatedCluster::deliver(unsigned from, PartitionId to, Mail mail) {
  mail_[{from, to.value}].push_back({sent_++, std::move(mail)});
}

void SimulatedCluster::submit(unsigned client, PartitionId to, CommandBytes command, ReplyPortPtr port,
                              std::int64_t timeout_ms) {
  std::int64_t deadline = clock_.monotonic_ns() + timeout_ms * 1'000'000;
  if (is_up(node_of(to))) deliver(first_client + client, to, SubmitMail{std::move(command), std::move(port), deadline});
}

void SimulatedCluster::request(unsigned client, PartitionId to, Frame request, ReplyPortPtr port) {
  if (is_up(node_of(to))) deliver(first_client + client, to, RequestMail{std::move(request), std::move(port), {}});
}

void SimulatedCluster::send_over(PartitionId from, PartitionId to, Mail mail) {
  auto* request = std::get_if<RequestMail>(&mail);
  if (request == nullptr || request->port == nullptr) {
    // While a node is away, what is sent to it may wait for it or be lost.
    if (is_up(node_of(to)) || random_() % 2 == 0) deliver(from.value, to, std::move(mail));
    return;
  }
  std::uint64_t number = next_question_++;
  questions_.emplace(number, Question{from, to, std::move(*request)});
  if (is_up(node_of(to))) ask_over(number);
}

void SimulatedCluster::ask_over(std::uint64_t number) {
  const Question& question = questions_.at(number);
  RequestMail mail = question.mail;
  mail.port = std::make_shared<LinkPort>(*this, number);
  deliver(from_question + question.from.value, question.to, std::move(mail));
}

bool SimulatedCluster::step() {
  // What waits for a node that is down is no choice.
  std::vector<Channels::iterator> channels;
  for (auto channel = mail_.begin(); channel != mail_.end(); ++channel)
    if (hosts_[channel->first.second] != nullptr) channels.push_back(channel);
  std::vector<NodeLog*> logs;
  for (NodeLog& log : logs_)
    if (!log.queued.empty() && !log.held) logs.push_back(&log);
  std::size_t choices = channels.size() + disk_.size() + answers_.size() + 2 * logs.size();
  if (choices == 0) return false;
  std::size_t choice = random_() % choices;
  if (choice < channels.size()) return deliver_next(channels[choice]), true;
  choice -= channels.size();
  if (choice < disk_.size()) {
    std::function<void()> run = std::move(disk_[choice].run);
    disk_.erase(disk_.begin() + static_cast<std::ptrdiff_t>(choice));
    return run(), true;
  }
  choice -= disk_.size();
  if (choice < answers_.size()) {
    LinkAnswer answer = std::move(answers_[choice]);
    answers_.erase(answers_.begin() + static_cast<std::ptrdiff_t>(choice));
    auto asked = questions_.extract(answer.question);  // none: it was asked twice
    if (!asked.empty()) asked.mapped().mail.port->reply(std::move(answer.frame));
    return true;
  }
  sync_group(*logs[(choice - answers_.size()) / 2]);
  return true;
}

void SimulatedCluster::deliver_next(Channels::iterator channel) {
  if (channel->first.first == from_stop) channel = before_flush(channel);
  unsigned to = channel->first.second;
  Mail mail = std::move(channel->second.front().mail);
  channel->second.pop_front();
  if (channel->second.empty()) mail_.erase(channel);
  hosts_[to]->partition.receive(std::move(mail));
}

/// Who stops has heard the answers of all that was asked, and what these left behind was sent before them: it is in the
/// partition's mailbox already.
SimulatedCluster::Channels::iterator SimulatedCluster::before_flush(Channels::iterator flush) {
  auto oldest = flush;
  for (auto channel = mail_.begin(); channel != mail_.end(); ++channel)
    if (channel->first.second == flush->first.second &&
        channel->second.front().number < oldest->second.front().number)
      oldest = channel;
  return oldest;
}

// --- logs -----------------------------------------------------------------------------------------------------------

void SimulatedCluster::sync_group(NodeLog& log) {
  std::size_t size = 1 + random_() % log.queued.size();
  std::vector<QueuedRecord> group;
  for (; size > 0; --size) {
    QueuedRecord record = std::move(log.queued.front());
    log.queued.pop_front();
    auto refused = log.refused_epochs.find(record.partition);
    if (refused == log.refused_epochs.end() || record.epoch > refused->second) group.push_back(std::move(record));
  }
  if (group.empty()) return;
  if (random_() % 100 < options_.refused_groups_in_100) return refuse(log, group);
  std::map<PartitionId, Lsn> durable;
  for (QueuedRecord& record : group) {
    std::vector<LoggedCommand>& records = log_[record.partition.value];
    if (record.lsn.value != records.size() + 1)
      throw std::runtime_error("a record's number does not follow the one before");
    records.push_back({record.lsn, record.accepted_ns, record.command});
    durable[record.partition] = record.lsn;
  }
  for (auto [partition, lsn] : durable) deliver(from_log, partition, DurableMail{lsn});
}

void SimulatedCluster::refuse(NodeLog& log, const std::vector<QueuedRecord>& group) {
  std::map<PartitionId, const QueuedRecord*> first;
  for (const QueuedRecord& record : group) first.try_emplace(record.partition, &record);
  for (auto [partition, record] : first) {
    log.refused_epochs[partition] = record->epoch;
    deliver(from_log, partition, RefusedMail{record->lsn, record->epoch, {Code::disk_full, "The log has no room."}});
  }
}

/// Some first ones of the records on their way may be found after a crash.
void SimulatedCluster::keep_torn_group(NodeLog& log) {
  std::size_t survivors = log.queued.empty() ? 0 : random_() % (log.queued.size() + 1);
  for (; survivors > 0; --survivors) {
    QueuedRecord& record = log.queued.front();
    auto refused = log.refused_epochs.find(record.partition);
    bool there = refused == log.refused_epochs.end() || record.epoch > refused->second;
    if (there) log_[record.partition.value].push_back({record.lsn, record.accepted_ns, record.command});
    log.queued.pop_front();
  }
  log = {};
}

// --- time -----------------------------------------------------------------------------------------------------------

void SimulatedCluster::tick(std::int64_t duration_ms) {
  clock_.advance_ms(duration_ms);
  for (std::uint16_t i = 0; i < options_.partitions; ++i)
    if (hosts_[i] != nullptr) deliver(from_outside, {i}, TickMail{});
}

void SimulatedCluster::settle() {
  // Longer than what partitions wait before they ask or send again.
  for (int idle = 0, rounds = 0; idle < 8; ++rounds) {
    if (rounds > 1000) throw std::runtime_error("there is always something to log");
    tick(1100);
    std::size_t records = log_records();
    while (step()) {}
    idle = records == log_records() ? idle + 1 : 0;
  }
}

void SimulatedCluster::stop() {
  for (int round = 0; round < 2; ++round) {
    std::vector<std::shared_ptr<Done>> flushed;
    for (std::uint16_t i = 0; i < options_.partitions; ++i) {
      flushed.push_back(std::make_shared<Done>());
      deliver(from_stop, {i}, FlushMail{flushed.back()});
    }
    work_until(flushed, "a clean stop");
  }
  crash();
}

void SimulatedCluster::begin_stop(std::uint32_t node) {
  for (std::uint16_t i = 0; i < options_.partitions; ++i)
    if (node_of({i}) == node) deliver(from_stop, {i}, FlushMail{std::make_shared<Done>()});
}

void SimulatedCluster::recover() { work_until(recovered_, "a recovery"); }

void SimulatedCluster::work_until(const std::vector<std::shared_ptr<Done>>& all, const char* what) {
  auto done = [](const std::shared_ptr<Done>& one) { return one == nullptr || one->done; };
  for (int ticks = 0; !std::all_of(all.begin(), all.end(), done);) {
    bool time_passes = random_() % 16 == 0;  // also while there is something to do
    if (!time_passes && step()) continue;
    if (++ticks > 1000) throw std::runtime_error(std::string(what) + " does not end");
    tick(100);
  }
}

// --- state ----------------------------------------------------------------------------------------------------------

std::size_t SimulatedCluster::log_records() const {
  std::size_t records = 0;
  for (const auto& log : log_) records += log.size();
  return records;
}

std::string SimulatedCluster::replayed_state_of(PartitionId partition) const {
  PartitionCore fresh(core_options(partition));
  if (Status status = fresh.open(nullptr); !status.ok()) throw std::runtime_error(status.message());
  for (const LoggedCommand& record : log_[partition.value]) {
    Effects effects;
    fresh.apply(record, effects);
  }
  return describe(fresh);
}

// --- faults ---------------------------------------------------------------------------------------------------------

void SimulatedCluster::crash_node(std::uint32_t node) {
  keep_torn_group(logs_[node]);
  logs_[node].up = false;
  break_channels([&](const Channel& channel) { return is_on(channel, node, true) && !is_on(channel, node, false); });
  std::erase_if(mail_, [&](const auto& channel) { return is_on(channel.first, node, false); });
  std::erase_if(disk_, [&](const Work& one) { return node_of(one.partition) == node; });
  for (std::uint32_t other = 0; other < options_.nodes; ++other) drop_answers(other, node);
  std::erase_if(questions_, [&](const auto& question) { return node_of(question.second.from) == node; });
  for (std::uint16_t i = 0; i < options_.partitions; ++i) {
    if (node_of({i}) != node) continue;
    hosts_[i] = nullptr;
    stores_[i] = nullptr;
    recovered_[i] = nullptr;
  }
}

void SimulatedCluster::restart_node(std::uint32_t node) {
  logs_[node].up = true;
  for (std::uint16_t i = 0; i < options_.partitions; ++i)
    if (node_of({i}) == node) open_partition({i});
  ask_again([&](const Question& question) { return node_of(question.to) == node; });
  for (std::uint32_t other = 0; other < options_.nodes; ++other)
    if (other != node) reconnect(node, other);
}

void SimulatedCluster::crash() {
  for (std::uint32_t node = 0; node < options_.nodes; ++node)
    if (is_up(node)) crash_node(node);
  mail_.clear();
}

void SimulatedCluster::restart() {
  replayed_ = 0;
  for (std::uint32_t node = 0; node < options_.nodes; ++node)
    if (!is_up(node)) restart_node(node);
}

}  // namespace engram::test
