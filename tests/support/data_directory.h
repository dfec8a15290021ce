#pragma once
// A data directory as an engine leaves it, made without the engine: commands go to a real log and to cores in memory, and
// the cores are written back when the test says so.

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cluster/identity/node_identity.h"
#include "storage/base/random.h"
#include "storage/files/posix_files.h"
#include "storage/log/command_log.h"
#include "storage/log/log_reader.h"
#include "tests/support/core_cluster.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace engram::test {

inline void expect(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

class DataDirectory {
 public:
  static constexpr std::uint32_t partitions = 2;

  DataDirectory() : cluster(partitions) {
    SystemRandom random;
    auto made = NodeDirectory::open({path(), 0, partitions, 0}, files, random, clock_);
    expect(made.status());
    LogOptions options;
    options.dir = path();
    options.archived_dir = path() + "/archived";
    options.log_id = log_id_ = made->identity().log_id;
    options.segment_bytes = 1 << 20;
    options.spare_segments = 0;
    options.own_thread = false;
    auto log = CommandLog::open(files, clock_, options);
    expect(log.status());
    log_ = std::move(log).value();
    cluster.before_apply = [this](PartitionId partition, const LoggedCommand& record) { append(partition, record); };
  }

  [[nodiscard]] const std::string& path() const { return directory_.path(); }
  [[nodiscard]] std::uint64_t log_id() const { return log_id_; }
  [[nodiscard]] std::string warm_path(PartitionId partition) const {
    return path() + "/warm/p" + std::to_string(partition.value);
  }

  void put(const std::string& key, const std::string& label = {}, std::int64_t age = 0) {
    expect(cluster.batch([&](schema::Batch::Builder batch) {
      auto put = batch.initOperations(1)[0].initPutVertex();
      put.setKey(key.c_str());
      if (label.empty()) return;
      put.initLabels(1).set(0, label.c_str());
      auto property = put.initProperties(1)[0];
      property.setName("age");
      property.initValue().setInt64(age);
    }).status);
  }
  void link(const std::string& source, const std::string& target) {
    expect(cluster.batch([&](schema::Batch::Builder batch) {
      auto put = batch.initOperations(1)[0].initPutEdge();
      put.setCreateMissing(true);
      put.setWeight(0.5);
      auto edge = put.initEdge();
      edge.setSource(source.c_str());
      edge.setType("KNOWS");
      edge.setTarget(target.c_str());
    }).status);
  }
  void declare_index(const std::string& label, const std::string& property) {
    for (std::uint16_t i = 0; i < partitions; ++i)
      cluster.apply(PartitionId{i}, [&](schema::Command::Builder command) {
        auto index = command.initDeclareIndex();
        index.setLabel(label.c_str());
        index.setProperty(property.c_str());
      });
  }

  void seal() { expect(log_->rotate()); }
  /// What the cores have that their stores have not.
  void write_back() {
    for (std::uint16_t i = 0; i < partitions; ++i) {
      PartitionCore& core = cluster.core({i});
      auto store = open_store({i}, false);
      expect(store->write(core.take_all(), core.applied()));
      expect(store->sync());
      core.written_back();
    }
  }
  /// Sealed segments that the warm stores cover go to the archive.
  void archive() {
    std::map<PartitionId, Lsn> stored;
    for (std::uint16_t i = 0; i < partitions; ++i) stored[{i}] = cluster.core({i}).applied();
    log_->release(stored);
    log_->work();
  }
  /// From now on nothing reaches the log: the process is as good as killed.
  void lose_commands() { cluster.before_apply = nullptr; }

  /// Changes what a partition's warm store has, behind the log's back.
  template <typename Change>
  void tamper(PartitionId partition, const Change& change) {
    auto store = open_store(partition, false);
    PartitionCore core({.self = partition, .partitions = partitions});
    expect(core.open(store.get()));
    change(core);
    Lsn applied = core.applied();
    expect(store->write(core.take_all(), applied));
    expect(store->sync());
  }
  std::unique_ptr<WarmStore> open_store(PartitionId partition, bool read_only) {
    WarmOptions options;
    options.path = warm_path(partition);
    options.initial_map_bytes = 1 << 20;
    options.read_only = read_only;
    auto store = WarmStore::open(options);
    expect(store.status());
    return std::move(store).value();
  }

  [[nodiscard]] std::vector<SegmentInfo> segments() {
    auto listed = list_segments(files, path(), path() + "/archived");
    expect(listed.status());
    return std::move(listed).value();
  }

  CoreCluster cluster;
  PosixFiles files;

 private:
  void append(PartitionId partition, const LoggedCommand& record) {
    LogRecord one{partition, record.lsn, record.accepted_ns, 0, record.command.bytes()};
    expect(log_->append_group({&one, 1}).status());
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
  std::uint64_t log_id_ = 0;
  std::unique_ptr<CommandLog> log_;
};

}  // namespace engram::test
