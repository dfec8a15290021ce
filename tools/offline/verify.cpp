#include "tools/offline/verify.h"

#include <limits>
#include <map>
#include <memory>

#include "cluster/map/partition_map.h"

namespace engram::cli {

namespace {

class Verify {
 public:
  Verify(Files& files, const VerifyOptions& options, const NodeIdentity& identity)
      : files_(files),
        options_(options),
        own_(owned_by(FixedPartitionMap(identity.nodes, identity.partitions), identity.ordinal)) {
    report_.identity = identity;
    report_.findings = Findings(options.max_findings);
  }

  VerifyReport run() {
    Status there = check_stores_are_there(files_, options_.data_dir, own_);
    if (!there.ok()) {
      report_.findings.add({"warm_store", there.message(), {}, {}, {}, {}, {}});
      report_.skipped = "a warm store is missing";
    }
    std::map<PartitionId, Lsn> stored;
    for (PartitionId partition : own_) {
      open_store(partition);
      stored[partition] = stores_.back() ? WarmStore::View(*stores_.back()).applied_lsn() : Lsn{};
    }
    LsnSequence sequence(stored);
    if (!report_.skipped.empty()) sequence.skip_to_anywhere();  // what a damaged store has is not known
    std::string archived = options_.archived_dir.empty() ? options_.data_dir + "/archived" : options_.archived_dir;
    report_.log = check_log(files_, {options_.data_dir, archived, report_.identity.log_id}, std::move(sequence),
                            report_.findings, [this](double share) { tell("checking the command log", share); });
    if (!report_.log.commands_parse) report_.skipped = "the log has records that are no commands";
    if (report_.skipped.empty()) check_graph();
    return std::move(report_);
  }

 private:
  void tell(const std::string& what, double share) {
    if (options_.progress) options_.progress(what, share);
  }

  void open_store(PartitionId partition) {
    stores_.emplace_back();
    WarmOptions warm;
    warm.path = warm_store_path(options_.data_dir, partition);
    warm.read_only = true;
    if (!files_.exists(warm.path)) return;  // all of it is in the log, or that was found already
    auto damaged = [&](const Status& status) {
      report_.findings.add({"warm_store", status.message(), partition, {}, {}, warm.path + "/data.mdb", {}});
      report_.skipped = "the warm store of partition " + std::to_string(partition.value) + " is damaged";
    };
    auto opened = WarmStore::open(warm);
    if (!opened.ok()) return damaged(opened.status());
    ++report_.warm_stores;
    std::string what = "checking the warm store of partition " + std::to_string(partition.value);
    auto progress = [&](WarmTable, std::uint64_t done, std::uint64_t total) {
      if (total > 0) tell(what, static_cast<double>(done) / static_cast<double>(total));
    };
    Status sound = (*opened)->check(progress, damaged);
    if (!sound.ok()) return;
    {
      WarmStore::View view(**opened);
      for (std::size_t i = 0; i < static_cast<std::size_t>(WarmTable::count_); ++i)
        report_.warm_entries += view.entries(static_cast<WarmTable>(i));
    }
    check_warm_tables(**opened, partition, report_.findings);
    stores_.back() = std::move(opened).value();
  }

  /// The state at the end of the log: what the engine would start with.
  void check_graph() {
    std::vector<PartitionCore*> cores(report_.identity.partitions);  // null: another node's
    std::vector<Replayed> partitions;
    for (std::size_t i = 0; i < own_.size(); ++i) {
      CoreOptions core;
      core.self = own_[i];
      core.partitions = report_.identity.partitions;
      core.hot_bytes = std::numeric_limits<std::size_t>::max();
      core.epoch = std::numeric_limits<std::uint32_t>::max();  // whoever owned the partition
      cores_.push_back(std::make_unique<PartitionCore>(core));
      cores[own_[i].value] = cores_.back().get();
      partitions.push_back({cores_.back().get(), nullptr, 0, {}, {}});  // changes nothing on disk
      if (Status status = cores_.back()->open(stores_[i].get()); !status.ok())
        return give_up(own_[i], "it cannot be opened: " + status.message());
    }
    ReplayOptions replay{options_.data_dir, report_.identity.log_id, [this](std::uint64_t done, std::uint64_t total) {
                           tell("replaying the command log", static_cast<double>(done) / static_cast<double>(total));
                         }};
    auto replayed = replay_log(files_, replay, partitions);
    if (!replayed.ok()) return give_up(std::nullopt, "the log cannot be replayed: " + replayed.status().message());
    report_.replayed = *replayed;
    auto settled = settle_transactions(cores);
    if (!settled.ok()) return give_up(std::nullopt, settled.status().message());
    report_.settled = *settled;
    report_.graph = check_invariants(cores, report_.findings, [this](double share) { tell("checking the graph", share); });
  }

  void give_up(std::optional<PartitionId> partition, const std::string& why) {
    report_.skipped = why;
    if (report_.findings.count() == 0) report_.findings.add({"graph", why, partition, {}, {}, {}, {}});
  }

  Files& files_;
  const VerifyOptions& options_;
  const std::vector<PartitionId> own_;
  VerifyReport report_;
  std::vector<std::unique_ptr<WarmStore>> stores_;  // parallel to own_; null: there is none, or it is damaged
  std::vector<std::unique_ptr<PartitionCore>> cores_;
};

}  // namespace

Result<VerifyReport> verify(Files& files, const VerifyOptions& options) {
  if (!files.exists(options.data_dir))
    return Status(Code::invalid_argument, "there is no directory " + options.data_dir, "--data-dir");
  auto directory = NodeDirectory::open_existing(options.data_dir, files);
  if (!directory.ok()) return directory.status();
  return Verify(files, options, directory->identity()).run();
}

}  // namespace engram::cli
