#include "tests/support/simulated_node.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "storage/hot/properties.h"

namespace engram::test {

class SimulatedNode::Host final : public PartitionHost {
 public:
  Host(SimulatedNode& node, const CoreOptions& core, const PartitionLimits& limits, std::uint64_t random)
      : partition(core, limits, *this, node.clock_, random), node_(node), self_(core.self) {}

  void append(Lsn lsn, std::uint64_t epoch, std::int64_t accepted_ns, const CommandBytes& command) override {
    node_.queued_.push_back({self_, lsn, epoch, accepted_ns, command});
  }
  void send(PartitionId to, Mail mail) override { node_.deliver(self_.value, to, std::move(mail)); }
  void post(PartitionId to, Mail mail) override { send(to, std::move(mail)); }
  void load(std::uint64_t number, Needs needs) override {
    node_.disk_.push_back([this, number, needs = std::move(needs)] {
      node_.deliver(from_disk, self_, LoadedMail{number, read_parts(*node_.stores_[self_.value], needs)});
    });
  }
  void write_back(std::vector<WarmChange> changes, Lsn applied) override {
    changes_ = std::move(changes);
    applied_ = applied;
    write_back_again();
  }
  void write_back_again() override {
    node_.disk_.push_back([this] {
      bool full = node_.options_.full_write_backs_in_100 > node_.random_() % 100;
      Status status = full ? Status(Code::disk_full, "The volume is full.")
                           : node_.stores_[self_.value]->write(std::move(changes_), applied_);
      node_.deliver(from_disk, self_, WrittenBackMail{status, applied_});
    });
  }
  void take_soon() override {
    node_.disk_.push_back([this] { node_.deliver(from_disk, self_, TakeMail{}); });
  }
  void wake_in(std::int64_t) override {}  // the test's ticks come often enough
  void report_unreadable(const Status& status) override { node_.unreadable_.push_back(status.message()); }
  [[noreturn]] void panic(const Status& status) override {
    throw std::runtime_error("partition " + std::to_string(self_.value) + " stops: " + status.message());
  }

  Partition partition;

 private:
  SimulatedNode& node_;
  PartitionId self_;
  std::vector<WarmChange> changes_;
  Lsn applied_;
};

class SimulatedNode::Done final : public ReplyPort {
 public:
  void reply(Frame) override { done = true; }
  bool done = false;
};

SimulatedNode::SimulatedNode(const SimulationOptions& options, std::uint64_t seed)
    : options_(options), random_(seed), log_(options.partitions) {
  open_partitions();
}

SimulatedNode::~SimulatedNode() = default;

CoreOptions SimulatedNode::core_options(PartitionId partition) const {
  CoreOptions options;
  options.self = partition;
  options.partitions = options_.partitions;
  options.hot_bytes = options_.hot_bytes;
  return options;
}

PartitionCore& SimulatedNode::core(PartitionId partition) { return hosts_.at(partition.value)->partition.core(); }

void SimulatedNode::open_partitions() {
  replayed_ = 0;
  for (std::uint16_t i = 0; i < options_.partitions; ++i) {
    PartitionLimits limits;
    limits.write_back_bytes = options_.write_back_bytes;
    limits.write_back_step = 2;  // so that much comes in between
    if (options_.warm_directory.empty()) {
      limits.write_back_after_ns = std::int64_t{1} << 62;
      stores_.push_back(nullptr);
    } else {
      WarmOptions warm;
      warm.path = options_.warm_directory + "/p" + std::to_string(i);
      warm.initial_map_bytes = std::size_t{4} << 20;
      auto store = WarmStore::open(warm);
      if (!store.ok()) throw std::runtime_error("a warm store does not open: " + store.status().message());
      stores_.push_back(std::move(store).value());
    }
    hosts_.push_back(std::make_unique<Host>(*this, core_options({i}), limits, random_()));
    PartitionCore& core = hosts_.back()->partition.core();
    if (Status status = core.open(stores_.back().get()); !status.ok())
      throw std::runtime_error("a core does not open: " + status.message());
    Lsn written_back = core.applied();
    for (const LoggedCommand& record : log_[i]) {
      if (record.lsn <= core.applied()) continue;
      Effects effects;
      core.apply(record, effects);
      core.graph().evict();
      ++replayed_;
    }
    recovered_.push_back(std::make_shared<Done>());
    deliver(from_outside, {i}, RecoveredMail{written_back, recovered_.back()});
  }
}

void SimulatedNode::deliver(unsigned from, PartitionId to, Mail mail) {
  mail_[{from, to.value}].push_back({sent_++, std::move(mail)});
}

void SimulatedNode::submit(unsigned client, PartitionId to, CommandBytes command, ReplyPortPtr port,
                           std::int64_t timeout_ms) {
  std::int64_t deadline = clock_.monotonic_ns() + timeout_ms * 1'000'000;
  deliver(first_client + client, to, SubmitMail{std::move(command), std::move(port), deadline});
}

void SimulatedNode::request(unsigned client, PartitionId to, Frame request, ReplyPortPtr port) {
  deliver(first_client + client, to, RequestMail{std::move(request), std::move(port), {}});
}

bool SimulatedNode::step() {
  std::size_t choices = mail_.size() + disk_.size() + (queued_.empty() ? 0 : 2);
  if (choices == 0) return false;
  std::size_t choice = random_() % choices;
  if (choice < mail_.size()) {
    auto channel = std::next(mail_.begin(), static_cast<std::ptrdiff_t>(choice));
    if (channel->first.first == from_stop) channel = before_flush(channel);
    unsigned to = channel->first.second;
    Mail mail = std::move(channel->second.front().mail);
    channel->second.pop_front();
    if (channel->second.empty()) mail_.erase(channel);
    hosts_[to]->partition.receive(std::move(mail));
    return true;
  }
  choice -= mail_.size();
  if (choice < disk_.size()) {
    std::function<void()> work = std::move(disk_[choice]);
    disk_.erase(disk_.begin() + static_cast<std::ptrdiff_t>(choice));
    work();
    return true;
  }
  sync_group();
  return true;
}

/// Who stops has heard the answers of all that was asked, and what these left behind was sent before them: it is in the
/// partition's mailbox already.
SimulatedNode::Channels::iterator SimulatedNode::before_flush(Channels::iterator flush) {
  auto oldest = flush;
  for (auto channel = mail_.begin(); channel != mail_.end(); ++channel)
    if (channel->first.second == flush->first.second &&
        channel->second.front().number < oldest->second.front().number)
      oldest = channel;
  return oldest;
}

void SimulatedNode::sync_group() {
  std::size_t size = 1 + random_() % queued_.size();
  std::vector<QueuedRecord> group;
  for (; size > 0; --size) {
    QueuedRecord record = std::move(queued_.front());
    queued_.pop_front();
    auto refused = refused_epochs_.find(record.partition);
    if (refused == refused_epochs_.end() || record.epoch > refused->second) group.push_back(std::move(record));
  }
  if (group.empty()) return;
  if (random_() % 100 < options_.refused_groups_in_100) return refuse(group);
  std::map<PartitionId, Lsn> durable;
  for (QueuedRecord& record : group) {
    std::vector<LoggedCommand>& log = log_[record.partition.value];
    if (record.lsn.value != log.size() + 1) throw std::runtime_error("a record's number does not follow the one before");
    log.push_back({record.lsn, record.accepted_ns, record.command});
    durable[record.partition] = record.lsn;
  }
  for (auto [partition, lsn] : durable) deliver(from_log, partition, DurableMail{lsn});
}

void SimulatedNode::refuse(const std::vector<QueuedRecord>& group) {
  std::map<PartitionId, const QueuedRecord*> first;
  for (const QueuedRecord& record : group) first.try_emplace(record.partition, &record);
  for (auto [partition, record] : first) {
    refused_epochs_[partition] = record->epoch;
    deliver(from_log, partition, RefusedMail{record->lsn, record->epoch, {Code::disk_full, "The log has no room."}});
  }
}

void SimulatedNode::tick(std::int64_t duration_ms) {
  clock_.advance_ms(duration_ms);
  for (std::uint16_t i = 0; i < options_.partitions; ++i) deliver(from_outside, {i}, TickMail{});
}

void SimulatedNode::settle() {
  // Longer than what partitions wait before they ask or send again.
  for (int idle = 0, rounds = 0; idle < 8; ++rounds) {
    if (rounds > 1000) throw std::runtime_error("there is always something to log");
    tick(1100);
    std::size_t records = log_records();
    while (step()) {}
    idle = records == log_records() ? idle + 1 : 0;
  }
}

void SimulatedNode::crash() {
  std::size_t survivors = queued_.empty() ? 0 : random_() % (queued_.size() + 1);
  for (; survivors > 0; --survivors) {
    QueuedRecord& record = queued_.front();
    auto refused = refused_epochs_.find(record.partition);
    std::vector<LoggedCommand>& log = log_[record.partition.value];
    bool there = refused == refused_epochs_.end() || record.epoch > refused->second;
    if (there) log.push_back({record.lsn, record.accepted_ns, record.command});
    queued_.pop_front();
  }
  queued_.clear();
  mail_.clear();
  disk_.clear();
  hosts_.clear();
  stores_.clear();
  refused_epochs_.clear();
  recovered_.clear();
}

void SimulatedNode::stop() {
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

void SimulatedNode::restart() { open_partitions(); }

void SimulatedNode::recover() { work_until(recovered_, "a recovery"); }

void SimulatedNode::work_until(const std::vector<std::shared_ptr<Done>>& all, const char* what) {
  auto done = [](const std::shared_ptr<Done>& one) { return one->done; };
  for (int ticks = 0; !std::all_of(all.begin(), all.end(), done);) {
    bool time_passes = random_() % 16 == 0;  // also while there is something to do
    if (!time_passes && step()) continue;
    if (++ticks > 1000) throw std::runtime_error(std::string(what) + " does not end");
    tick(100);
  }
}

std::size_t SimulatedNode::log_records() const {
  std::size_t records = 0;
  for (const auto& log : log_) records += log.size();
  return records;
}

std::string SimulatedNode::state_of(PartitionId partition) { return describe(core(partition)); }

std::string SimulatedNode::replayed_state_of(PartitionId partition) const {
  PartitionCore fresh(core_options(partition));
  if (Status status = fresh.open(nullptr); !status.ok()) throw std::runtime_error(status.message());
  for (const LoggedCommand& record : log_[partition.value]) {
    Effects effects;
    fresh.apply(record, effects);
  }
  return describe(fresh);
}

// --- states as text -------------------------------------------------------------------------------------------------

namespace {

std::string describe_properties(Bytes packed, const Dictionary& dictionary) {
  std::map<std::string, std::string> properties;
  NameId name;
  Bytes value;
  for (PropertyCursor cursor(packed); cursor.next(name, value);)
    properties[std::string(dictionary.name(name))] = std::string(as_text(value));
  std::ostringstream out;
  for (const auto& [key, bytes] : properties) {
    out << ' ' << key << '=';
    for (char c : bytes) out << static_cast<int>(c) << '.';
  }
  return out.str();
}

void describe_vertex(PartitionCore& core, SpaceId space, LocalId id, std::ostringstream& out) {
  Graph& graph = core.graph();
  if (graph.vertex_with(id, Side::out) == nullptr || graph.vertex_with(id, Side::in) == nullptr) {
    out << "  " << id.value << " is missing\n";
    return;
  }
  const HotVertex& hot = *graph.hot().peek(id);
  VertexHead head = parse_head(hot.head.bytes()).value();
  LocalId found;
  bool by_key = graph.find_key(space, head.key, found) == Presence::present && found == id;
  out << "  " << id.value << ' ' << head.key << (by_key ? "" : " not found by its key") << ' ' << head.created_ns << ' '
      << head.changed_ns << ' ' << head.version;
  std::set<std::string_view> labels;
  for (NameId label : head.labels()) labels.insert(graph.dictionary().name(label));
  for (std::string_view label : labels) out << " :" << label;
  out << describe_properties(head.properties, graph.dictionary()) << '\n';
  for (Side side : {Side::out, Side::in}) {
    EdgeEntry entry;
    for (auto cursor = hot.edges(side).begin(); cursor.next(entry);) {
      out << "    " << (side == Side::out ? "-> " : "<- ") << graph.dictionary().name(entry.slot.type) << ' '
          << entry.slot.neighbour.value << ' ' << entry.slot.rank << ' ' << entry.weight;
      if (side == Side::out)
        out << ' ' << entry.created_ns << ' ' << entry.changed_ns << ' ' << entry.version
            << describe_properties(entry.properties, graph.dictionary());
      out << '\n';
    }
  }
}

}  // namespace

std::string describe(PartitionCore& core) {
  std::ostringstream out;
  Graph& graph = core.graph();
  out << "applied " << core.applied().value << ", next id " << graph.next_local().value << ", waiting "
      << core.waiting() << ", sessions " << core.sessions().size() << '\n';
  std::set<std::string> transactions;
  auto name = [](const char* what, const TransactionKey& key) {
    return std::string(what) + std::to_string(key.coordinator.value) + "/" + std::to_string(key.number);
  };
  for (const TransactionKey& key : core.in_doubt()) transactions.insert(name("in doubt ", key));
  for (const auto& decision : core.decisions()) transactions.insert(name("decided ", decision.transaction));
  for (const TransactionKey& key : core.pending_deletes()) transactions.insert(name("deletes ", key));
  for (const std::string& transaction : transactions) out << transaction << '\n';
  if (core.locked()) out << "locked\n";
  for (SpaceId id : graph.spaces().all()) {
    const Space& space = *graph.spaces().find_even_dropped(id);
    out << "space " << space.name << (space.dropped ? " dropped " : " ") << space.counts.vertices << ' '
        << space.counts.edges << ' ' << space.counts.bytes << " quota " << space.quota.vertices << ' '
        << space.quota.edges << '\n';
    std::map<std::string_view, std::uint64_t> counts;
    for (auto [type, count] : space.counts.types) counts[graph.dictionary().name(type)] = count;
    for (auto [label, count] : graph.postings().labels(id))
      if (label != Postings::all) counts[graph.dictionary().name(label)] += count << 32;
    for (auto [what, count] : counts) out << "  " << what << ": " << count << '\n';
    for (const DeclaredIndex& index : space.indexes)
      out << "  index " << index.number.value << " on " << graph.dictionary().name(index.label) << '.'
          << graph.dictionary().name(index.property) << '\n';
    graph.postings().for_each_from(id, Postings::all, LocalId{0}, [&](LocalId vertex) {
      describe_vertex(core, id, vertex, out);
      return true;
    });
  }
  return out.str();
}

}  // namespace engram::test
