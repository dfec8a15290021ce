#include "cluster/node/replay.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>

#include "storage/log/log_reader.h"
#include "storage/warm/warm_file.h"

namespace engram {
namespace {

constexpr const char* put_back = "; move them back from archived/ (docs/operations.md), or restore them from a copy";
constexpr std::size_t batch_records = 1024;
constexpr std::size_t batch_bytes = std::size_t{4} << 20;  // a record may be megabytes
constexpr std::uint64_t progress_every = 65'536;

/// Commands of one partition on their way from the log to its replay thread.
class ReplayQueue {
 public:
  void push(std::vector<LoggedCommand> batch) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return batches_.size() < 8; });
    batches_.push_back(std::move(batch));
    filled_.notify_one();
  }
  /// An empty batch is the end.
  std::vector<LoggedCommand> pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return !batches_.empty(); });
    std::vector<LoggedCommand> batch = std::move(batches_.front());
    batches_.pop_front();
    room_.notify_one();
    return batch;
  }

 private:
  std::mutex mutex_;
  std::condition_variable room_, filled_;
  std::deque<std::vector<LoggedCommand>> batches_;
};

/// As the serving partition does, but on the spot. The log is synced by now: a store may have all that is read from it.
Status write_back(Replayed& partition) {
  Graph& graph = partition.core->graph();
  bool enough = graph.hot().dirty_bytes() + graph.ordered().bytes() >= partition.write_back_bytes;
  if (partition.store == nullptr || !partition.unwritten.empty() || !enough) return {};
  partition.cut = partition.core->applied();
  partition.unwritten = partition.core->take_all();
  WarmStore::sort(partition.unwritten);
  Status status = partition.store->write_sorted(partition.unwritten, partition.cut);
  // Nothing is lost, and the node serves reads without it.
  if (status.code() == Code::disk_full || status.code() == Code::unavailable) return {};
  if (status.ok()) status = partition.store->sync();
  partition.unwritten = {};
  partition.core->written_back();
  partition.store->release_pages();
  return status;
}

Status replay_partition(Replayed& partition, ReplayQueue& queue) {
  PartitionCore& core = *partition.core;
  Status failed;
  while (true) {
    std::vector<LoggedCommand> batch = queue.pop();
    if (batch.empty()) return failed;
    for (const LoggedCommand& record : batch) {
      if (!failed.ok()) break;
      Effects effects;  // what they asked for was done, or is asked for again after the start
      core.apply(record, effects);
      failed = core.graph().take_failure();
      if (failed.ok()) failed = write_back(partition);
      core.graph().evict();
    }
  }
}

Result<std::uint64_t> read_log(Files& files, const ReplayOptions& options, LsnSequence sequence,
                               std::vector<ReplayQueue>& queues) {
  LogReaderOptions log;
  log.dir = options.data_dir;
  log.log_id = options.log_id;
  auto reader = LogReader::open(files, log);
  if (!reader.ok()) return reader.status();
  auto segments = list_segments(files, options.data_dir);
  if (!segments.ok()) return segments.status();
  if (segments->empty() || segments->front().first_position.value == 0) sequence.expect_whole_log();
  auto tell = [&] {
    auto progress = (*reader)->progress();
    if (options.progress) options.progress(progress.done_bytes, progress.total_bytes);
  };
  std::vector<std::vector<LoggedCommand>> batches(queues.size());
  std::vector<std::size_t> bytes(queues.size());
  std::uint64_t replayed = 0;
  StoredRecord record;
  for (std::uint64_t read = 0;; ++read) {
    if (read % progress_every == 0) tell();
    auto more = (*reader)->next(record);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (Status status = sequence.next(record.partition, record.lsn); !status.ok()) return status;
    if (sequence.is_stored(record.partition, record.lsn)) continue;
    std::vector<LoggedCommand>& batch = batches[record.partition.value];
    batch.push_back({record.lsn, record.accepted_ns, CommandBytes::copy_of(record.payload)});
    bytes[record.partition.value] += record.payload.size();
    if (batch.size() >= batch_records || bytes[record.partition.value] >= batch_bytes) {
      queues[record.partition.value].push(std::exchange(batch, {}));
      bytes[record.partition.value] = 0;
    }
    ++replayed;
  }
  tell();
  for (std::size_t i = 0; i < batches.size(); ++i)
    if (!batches[i].empty()) queues[i].push(std::move(batches[i]));
  // What is logged from now on would hide that the log's end is missing, until a start that could not go on.
  if (Status status = sequence.end(); !status.ok()) return status;
  return replayed;
}

}  // namespace

std::string warm_store_path(const std::string& data_dir, PartitionId partition) {
  return data_dir + "/warm/p" + std::to_string(partition.value);
}

Status check_stores_are_there(Files& files, const std::string& data_dir, std::uint32_t partitions) {
  auto segments = list_segments(files, data_dir);
  if (!segments.ok()) return segments.status();
  if (segments->empty() || segments->front().first_position.value == 0) return {};
  for (std::uint32_t i = 0; i < partitions; ++i) {
    std::string path = warm_store_path(data_dir, {static_cast<std::uint16_t>(i)});
    if (files.exists(warm_data_file(path))) continue;
    return {Code::corrupt, "the warm store " + path + " is missing, and the log begins behind the segments that would " +
                               "make it again" + put_back};
  }
  return {};
}

Status LsnSequence::next(PartitionId partition, Lsn lsn) {
  if (partition.value >= last_.size())
    return {Code::corrupt,
            "The log has a record of partition " + std::to_string(partition.value) + ", which this node has not."};
  Lsn& last = last_[partition.value];
  bool first = last.value == 0;
  std::uint64_t before = first ? stored_[partition.value].value : last.value;
  bool follows = first ? anywhere_ || lsn.value <= before + 1 : lsn.value == before + 1;
  if (!follows && lsn.value <= before)
    return {Code::corrupt, "The log has record " + std::to_string(lsn.value) + " of partition " +
                               std::to_string(partition.value) + " behind record " + std::to_string(before) +
                               "; restore its segments from a copy."};
  if (!follows)
    return {Code::corrupt, "The log of partition " + std::to_string(partition.value) + " misses the records " +
                               std::to_string(before + 1) + " to " + std::to_string(lsn.value - 1) +
                               put_back};
  last = lsn;
  return {};
}

Status LsnSequence::end() const {
  for (std::size_t i = 0; i < last_.size(); ++i)
    if ((last_[i].value != 0 || whole_) && last_[i] < stored_[i])
      return {Code::corrupt, "The log of partition " + std::to_string(i) + " ends with record " +
                                 std::to_string(last_[i].value) + ", but its warm store has record " +
                                 std::to_string(stored_[i].value) + ": segments are missing" + put_back};
  return {};
}

Result<std::uint64_t> replay_log(Files& files, const ReplayOptions& options, std::vector<Replayed>& partitions) {
  std::vector<Lsn> stored;
  for (const Replayed& partition : partitions) stored.push_back(partition.core->applied());
  std::vector<ReplayQueue> queues(partitions.size());
  std::vector<std::future<Status>> threads;
  for (std::size_t i = 0; i < partitions.size(); ++i)
    threads.push_back(std::async(std::launch::async, [&partition = partitions[i], &queue = queues[i]] {
      Status warm = partition.core->graph().warm_up([](double) {});
      Status status = replay_partition(partition, queue);
      return warm.ok() ? status : warm;
    }));
  auto replayed = read_log(files, options, LsnSequence(std::move(stored)), queues);
  for (ReplayQueue& queue : queues) queue.push({});
  for (auto& thread : threads) {
    Status status = thread.get();
    if (replayed.ok() && !status.ok()) replayed = status;
  }
  return replayed;
}

}  // namespace engram
