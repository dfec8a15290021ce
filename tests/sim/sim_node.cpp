#include "tests/sim/sim_node.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "cluster/node/replay.h"
#include "tests/support/state_text.h"

namespace engram::test {
namespace {

constexpr const char* data_dir = "/data";
constexpr unsigned from_gateway = 100'000, from_peers = 200'000, from_log = 1'000, from_disk = 1'001;

LogOptions log_options(unsigned ordinal) {
  LogOptions options;
  options.dir = data_dir;
  options.log_id = 0x1000 + ordinal;
  options.segment_bytes = std::uint64_t{32} << 10;  // so that it rotates
  options.spare_segments = 0;
  options.own_thread = false;
  return options;
}

}  // namespace

class SimNode::Done final : public ReplyPort {
 public:
  void reply(Frame) override { done = true; }
  bool done = false;
};

/// One life of a node. What is in it is gone with it.
struct SimNode::Process {
  std::unique_ptr<CommandLog> log;
  std::map<PartitionId, std::unique_ptr<WarmStore>> stores;
  std::map<PartitionId, std::unique_ptr<Host>> hosts;
  std::map<unsigned, std::unique_ptr<Wire>> wires;
  std::map<unsigned, std::unique_ptr<PeerLink>> links;  // behind the wires that they use
  std::map<std::pair<unsigned, unsigned>, std::deque<Mail>> mail;  // from, to
  std::deque<Queued> queued;
  std::map<PartitionId, std::uint64_t> refused_epochs;
  std::deque<std::function<void()>> disk;
  std::vector<std::shared_ptr<Done>> recovered, flushed;
};

class SimNode::Host final : public PartitionHost {
 public:
  Host(SimNode& node, const CoreOptions& core, const PartitionLimits& limits, std::uint64_t random)
      : partition(core, limits, *this, node.around_.clock, random), node_(node), self_(core.self) {}

  void append(Lsn lsn, std::uint64_t epoch, std::int64_t accepted_ns, const CommandBytes& command) override {
    node_.process_->queued.push_back({self_, lsn, epoch, accepted_ns, command});
  }
  void press_log() override {}  // records wait for as long as chance has it
  void send(PartitionId to, Mail mail) override {
    if (node_.process_ == nullptr) return;  // the last words of links that go
    unsigned owner = node_.around_.map.owner(to);
    if (owner == node_.ordinal_) return node_.deliver(self_.value, to, std::move(mail));
    node_.process_->links.at(owner)->send(to, std::move(mail));
  }
  void post(PartitionId to, Mail mail) override { send(to, std::move(mail)); }
  void load(std::uint64_t number, Needs needs) override {
    node_.process_->disk.emplace_back([this, number, needs = std::move(needs)] {
      node_.deliver(from_disk, self_, LoadedMail{number, read_parts(*store(), needs)});
    });
  }
  void write_back(std::vector<WarmChange> changes, Lsn applied) override {
    changes_ = std::move(changes);
    applied_ = applied;
    write_back_again();
  }
  void write_back_again() override {
    node_.process_->disk.emplace_back([this] {
      Status status;
      if (store() != nullptr) {
        status = store()->write(std::move(changes_), applied_);
        node_.process_->log->release({{self_, store()->synced_lsn()}});
        node_.process_->log->work();
      }
      node_.deliver(from_disk, self_, WrittenBackMail{status, applied_});
    });
  }
  void step_soon() override {
    node_.process_->disk.emplace_back([this] { node_.deliver(from_disk, self_, StepMail{}); });
  }
  void wake_in(std::int64_t) override {}  // ticks come often enough
  [[nodiscard]] bool all_know_deletions() const override { return true; }
  void report_unreadable(const Status& status) override { throw std::runtime_error("unreadable: " + status.message()); }
  [[noreturn]] void panic(const Status& status) override {
    throw std::runtime_error("partition " + std::to_string(self_.value) + " stops: " + status.message());
  }

  Partition partition;

 private:
  WarmStore* store() { return node_.process_->stores[self_].get(); }

  SimNode& node_;
  PartitionId self_;
  std::vector<WarmChange> changes_;
  Lsn applied_;
};

/// The world of the link to one peer.
class SimNode::Wire final : public PeerLinkHost {
 public:
  Wire(SimNode& node, unsigned peer) : node_(node), peer_(peer) {}
  void transmit(std::uint64_t connection, PacketBytes packet) override {
    node_.around_.network.transmit(node_.ordinal_, peer_, connection, std::move(packet));
  }
  void deliver(PartitionId to, Mail mail) override { node_.deliver(from_peers + peer_, to, std::move(mail)); }
  void told(const NodeStatus&) override {}
  void drop(std::uint64_t connection, const Status&) override {
    ++node_.dropped_;
    node_.around_.network.close(node_.ordinal_, peer_, connection);
  }

 private:
  SimNode& node_;
  unsigned peer_;
};

SimNode::SimNode(SimSurroundings& around, unsigned ordinal) : around_(around), ordinal_(ordinal) {
  (void)memory_.make_directory(data_dir);
  auto directory = memory_.open_directory(data_dir);
  if (directory.ok()) (void)(*directory)->sync();
}

SimNode::~SimNode() {
  if (is_up()) end(End::killed);
}

// --- life and death -----------------------------------------------------------------------------------------------------

Status SimNode::start() {
  files_.faults() = Faults();
  auto process = std::make_unique<Process>();
  process_ = std::move(process);  // hosts reach it from within
  Status status = open(*process_);
  if (!status.ok()) {
    process_ = nullptr;
    return status;
  }
  stopping_ = false;
  around_.network.node_up(ordinal_);
  around_.trace.note("start", ordinal_);
  return {};
}

Status SimNode::open(Process& process) {
  auto log = CommandLog::open(files_, around_.clock, log_options(ordinal_));
  if (!log.ok()) return log.status();
  process.log = std::move(*log);
  PeerLinkOptions link;
  if (around_.options.small_parts != 0) link.part_bytes = around_.options.small_parts;
  for (unsigned peer = 0; peer < around_.options.nodes; ++peer) {
    if (peer == ordinal_) continue;
    process.wires[peer] = std::make_unique<Wire>(*this, peer);
    process.links[peer] = PeerLink::make(link, around_.map, *process.wires[peer], around_.clock);
  }
  return open_partitions(process);
}

Status SimNode::open_partitions(Process& process) {
  std::vector<Replayed> replayed;
  for (PartitionId id : own()) {
    CoreOptions core;
    core.self = id;
    core.partitions = around_.options.partitions;
    PartitionLimits limits;
    limits.write_back_bytes = around_.options.warm ? 4'000 : std::size_t{1} << 40;
    limits.write_back_after_ns = around_.options.warm ? 500'000'000 : std::int64_t{1} << 60;
    limits.write_back_step = 2;
    auto& store = process.stores[id];
    if (around_.options.warm) {
      WarmOptions warm;
      warm.path = around_.warm_directory + "/p" + std::to_string(id.value);
      warm.initial_map_bytes = std::size_t{4} << 20;
      auto opened = WarmStore::open(warm);
      if (!opened.ok()) return opened.status();
      store = std::move(*opened);
    }
    auto host = std::make_unique<Host>(*this, core, limits, around_.random());
    PartitionCore& opened = host->partition.core();
    if (Status status = opened.open(store.get()); !status.ok()) return status;
    replayed.push_back({&opened, store.get(), limits.write_back_bytes, {}, {}});
    process.hosts[id] = std::move(host);
  }
  auto records = replay_log(files_, {data_dir, log_options(ordinal_).log_id, {}}, replayed);
  if (!records.ok()) return records.status();
  for (PartitionId id : own()) {
    auto done = process.recovered.emplace_back(std::make_shared<Done>());
    WarmStore* store = process.stores[id].get();
    Lsn written = store != nullptr ? WarmStore::View(*store).applied_lsn() : Lsn{0};
    deliver(from_gateway, id, RecoveredMail{written, done});
  }
  return {};
}

void SimNode::end(End how) {
  around_.trace.note(how == End::killed ? "kill" : "power", ordinal_);
  std::unique_ptr<Process> gone = std::move(process_);  // what it still answers reaches nobody: see life()
  ++life_;
  around_.network.node_down(ordinal_);
  gone->links.clear();
  gone.reset();
  files_.faults() = Faults();
  if (how == End::power_lost) memory_.cut_power(around_.random());
}

void SimNode::begin_stop() {
  around_.trace.note("stop", ordinal_);
  stopping_ = true;
  for (auto& [peer, link] : process_->links) link->drain();
  for (PartitionId id : own()) {
    auto done = process_->flushed.emplace_back(std::make_shared<Done>());
    deliver(from_gateway, id, FlushMail{done});
  }
}

bool SimNode::stopped() const {
  return stopping_ && std::all_of(process_->flushed.begin(), process_->flushed.end(), [](auto& one) { return one->done; });
}

bool SimNode::is_recovered() const {
  return is_up() && std::all_of(process_->recovered.begin(), process_->recovered.end(), [](auto& one) { return one->done; });
}

// --- mail ---------------------------------------------------------------------------------------------------------------

void SimNode::deliver(unsigned from, PartitionId to, Mail mail) {
  if (process_ != nullptr) process_->mail[{from, to.value}].push_back(std::move(mail));
}

void SimNode::send(PartitionId to, Mail mail) {
  unsigned owner = around_.map.owner(to);
  if (owner == ordinal_) return deliver(from_gateway, to, std::move(mail));
  process_->links.at(owner)->send(to, std::move(mail));
}

void SimNode::receive(unsigned peer, const SimArrival& arrival) {
  PeerLink& link = *process_->links.at(peer);
  around_.trace.note("arrival", ordinal_ * 16 + peer, arrival.connection);
  switch (arrival.what) {
    case SimArrival::What::up: return reconnected(peer, arrival.connection);
    case SimArrival::What::down: return link.down(arrival.connection);
    case SimArrival::What::packet: return link.receive(arrival.connection, arrival.bytes);
  }
}

/// As Peers::up does.
void SimNode::reconnected(unsigned peer, std::uint64_t connection) {
  process_->links.at(peer)->up(connection);
  auto theirs = owned_by(around_.map, peer);
  auto shared = std::make_shared<const std::set<PartitionId>>(theirs.begin(), theirs.end());
  for (PartitionId id : own()) deliver(from_gateway + 1, id, ReconnectedMail{shared});
}

void SimNode::tick() {
  for (auto& [peer, link] : process_->links) link->tick();
  for (PartitionId id : own()) deliver(from_gateway + 1, id, TickMail{});
}

std::size_t SimNode::choices() const {
  if (!is_up()) return 0;
  return process_->mail.size() + process_->disk.size() + (process_->queued.empty() ? 0 : 2);
}

bool SimNode::act(std::size_t choice) {
  Process& process = *process_;
  if (choice < process.mail.size()) {
    auto channel = std::next(process.mail.begin(), static_cast<std::ptrdiff_t>(choice));
    PartitionId to{static_cast<std::uint16_t>(channel->first.second)};
    Mail mail = std::move(channel->second.front());
    around_.trace.note("mail", channel->first.first * 1'000ULL + to.value, mail.index());
    channel->second.pop_front();
    if (channel->second.empty()) process.mail.erase(channel);
    process.hosts.at(to)->partition.receive(std::move(mail));
    return true;
  }
  choice -= process.mail.size();
  if (choice >= process.disk.size()) return flush_log();
  std::function<void()> work = std::move(process.disk[choice]);
  process.disk.erase(process.disk.begin() + static_cast<std::ptrdiff_t>(choice));
  around_.trace.note("disk", ordinal_);
  work();
  return true;
}

// --- the log ------------------------------------------------------------------------------------------------------------

/// As actors/log/log_actor.cpp does it, but for the order of things on a full disk: there all is refused here.
bool SimNode::flush_log() {
  Process& process = *process_;
  std::vector<Queued> group;
  for (std::size_t size = 1 + around_.random() % process.queued.size(); size > 0; --size) {
    Queued record = std::move(process.queued.front());
    process.queued.pop_front();
    auto refused = process.refused_epochs.find(record.partition);
    if (refused == process.refused_epochs.end() || record.epoch > refused->second) group.push_back(std::move(record));
  }
  if (group.empty()) return true;
  std::vector<LogRecord> records;
  for (const Queued& one : group) {
    records.push_back({one.partition, one.lsn, one.accepted_ns, around_.map.epoch(one.partition), one.command.bytes()});
    around_.trace.note("record", one.command.bytes());
  }
  std::uint64_t begin = process.log->end().value;
  auto written = process.log->append_group(records);
  if (process.log->failed()) return false;
  if (!written.ok()) return refuse(group, written.status()), true;
  last_group_ = begin;
  std::map<PartitionId, Lsn> durable;
  for (const Queued& one : group) durable[one.partition] = one.lsn;
  for (auto [partition, lsn] : durable) deliver(from_log, partition, DurableMail{lsn});
  return true;
}

void SimNode::refuse(const std::vector<Queued>& group, const Status& status) {
  std::map<PartitionId, const Queued*> first;
  for (const Queued& record : group) first.try_emplace(record.partition, &record);
  for (auto [partition, record] : first) {
    process_->refused_epochs[partition] = record->epoch;
    deliver(from_log, partition, RefusedMail{record->lsn, record->epoch, status});
  }
}

std::uint64_t SimNode::witnessed_bytes(const std::string& path) {
  std::uint64_t size = memory_.content(path).size();
  std::string name = path.substr(path.find("commands-") + 9);
  std::uint64_t first = std::strtoull(name.c_str(), nullptr, 10);
  if (path.ends_with(".sealed.log")) return size;
  return last_group_ <= first ? 0 : std::min(size, last_group_ - first);
}

// --- state --------------------------------------------------------------------------------------------------------------

PartitionCore& SimNode::core(PartitionId partition) { return process_->hosts.at(partition)->partition.core(); }

std::string SimNode::state() {
  std::string text;
  for (PartitionId id : own()) text += describe(core(id));
  return text;
}

Result<std::string> SimNode::replayed_state() {
  std::vector<std::unique_ptr<PartitionCore>> cores;
  std::vector<Replayed> replayed;
  for (PartitionId id : own()) {
    CoreOptions options;
    options.self = id;
    options.partitions = around_.options.partitions;
    cores.push_back(std::make_unique<PartitionCore>(options));
    if (Status status = cores.back()->open(nullptr); !status.ok()) return status;
    replayed.push_back({cores.back().get(), nullptr, std::size_t{1} << 40, {}, {}});
  }
  auto records = replay_log(memory_, {data_dir, log_options(ordinal_).log_id, {}}, replayed);
  if (!records.ok()) return records.status();
  std::string text;
  for (auto& core : cores) text += describe(*core);
  return text;
}

}  // namespace engram::test
