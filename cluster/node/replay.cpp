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
                               const std::vector<std::size_t>& queue_of, std::vector<ReplayQueue>& queues) {
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
    if (Status status = sequence.next(record.partition, record.lsn, record.epoch); !status.ok()) return status;
    if (sequence.is_stored(record.partition, record.lsn)) continue;
    std::size_t queue = queue_of[record.partition.value];
    std::vector<LoggedCommand>& batch = batches[queue];
    batch.push_back({record.lsn, record.accepted_ns, CommandBytes::copy_of(record.payload)});
    bytes[queue] += record.payload.size();
    if (batch.size() >= batch_records || bytes[queue] >= batch_bytes) {
      queues[queue].push(std::exchange(batch, {}));
      bytes[queue] = 0;
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

Status check_stores_are_there(Files& files, const std::string& data_dir, const std::vector<PartitionId>& partitions) {
  auto segments = list_segments(files, data_dir);
  if (!segments.ok()) return segments.status();
  if (segments->empty() || segments->front().first_position.value == 0) return {};
  for (PartitionId partition : partitions) {
    std::string path = warm_store_path(data_dir, partition);
    if (files.exists(warm_data_file(path))) continue;
    return {Code::corrupt, "the warm store " + path + " is missing, and the log begins behind the segments that would " +
                               "make it again" + put_back};
  }
  return {};
}

LsnSequence::LsnSequence(const std::map<PartitionId, Lsn>& stored) {
  if (!stored.empty()) places_.resize(stored.rbegin()->first.value + std::size_t{1});
  for (auto [partition, lsn] : stored) places_[partition.value] = {true, lsn, {}, 0};
}

void LsnSequence::skip_to_anywhere() {
  anywhere_ = true;
  whole_ = false;
  for (Place& place : places_) place.last = {}, place.epoch = 0;
}

Status LsnSequence::next(PartitionId partition, Lsn lsn, std::uint32_t epoch) {
  if (partition.value >= places_.size() || !places_[partition.value].here)
    return {Code::corrupt,
            "The log has a record of partition " + std::to_string(partition.value) + ", which this node has not."};
  Place& place = places_[partition.value];
  bool first = place.last.value == 0;
  std::uint64_t before = first ? place.stored.value : place.last.value;
  bool follows = first ? anywhere_ || lsn.value <= before + 1 : lsn.value == before + 1;
  if (!follows && lsn.value <= before)
    return {Code::corrupt, "The log has record " + std::to_string(lsn.value) + " of partition " +
                               std::to_string(partition.value) + " behind record " + std::to_string(before) +
                               "; restore its segments from a copy."};
  if (!follows)
    return {Code::corrupt, "The log of partition " + std::to_string(partition.value) + " misses the records " +
                               std::to_string(before + 1) + " to " + std::to_string(lsn.value - 1) +
                               put_back};
  if (epoch < place.epoch)
    return {Code::corrupt, "Record " + std::to_string(lsn.value) + " of partition " + std::to_string(partition.value) +
                               " was written under ownership " + std::to_string(epoch) + ", behind one of ownership " +
                               std::to_string(place.epoch) +
                               ": another node owned the partition by then; restore the log from a copy."};
  place.last = lsn;
  place.epoch = epoch;
  return {};
}

Status LsnSequence::end() const {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    if ((place.last.value != 0 || whole_) && place.last < place.stored)
      return {Code::corrupt, "The log of partition " + std::to_string(i) + " ends with record " +
                                 std::to_string(place.last.value) + ", but its warm store has record " +
                                 std::to_string(place.stored.value) + ": segments are missing" + put_back};
  }
  return {};
}

Result<std::uint64_t> replay_log(Files& files, const ReplayOptions& options, std::vector<Replayed>& partitions) {
  std::map<PartitionId, Lsn> stored;
  std::vector<std::size_t> queue_of;  // by partition
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    PartitionId id = partitions[i].core->graph().self();
    stored[id] = partitions[i].core->applied();
    queue_of.resize(std::max<std::size_t>(queue_of.size(), id.value + std::size_t{1}));
    queue_of[id.value] = i;
  }
  std::vector<ReplayQueue> queues(partitions.size());
  std::vector<std::future<Status>> threads;
  for (std::size_t i = 0; i < partitions.size(); ++i)
    threads.push_back(std::async(std::launch::async, [&partition = partitions[i], &queue = queues[i]] {
      Status warm = partition.core->graph().warm_up([](double) {});
      Status status = replay_partition(partition, queue);
      return warm.ok() ? status : warm;
    }));
  auto replayed = read_log(files, options, LsnSequence(stored), queue_of, queues);
  for (ReplayQueue& queue : queues) queue.push({});
  for (auto& thread : threads) {
    Status status = thread.get();
    if (replayed.ok() && !status.ok()) replayed = status;
  }
  return replayed;
}

}  // namespace engram
