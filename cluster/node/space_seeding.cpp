#include "cluster/node/space_seeding.h"

#include <chrono>

#include "actors/partition/core/batch_applier.h"
#include "cluster/logging/logging.h"

namespace engram {
namespace {

using std::chrono::steady_clock;

constexpr std::int64_t question_ns = 5'000'000'000;
constexpr std::chrono::milliseconds ask_again{500};
constexpr std::chrono::seconds report_every{10};

SpaceSeed read_seed(schema::SpaceDescriptions::Space::Reader in) {
  SpaceSeed seed;
  auto info = in.getInfo();
  seed.id = {info.getId()};
  seed.name = text_of(info.getName());
  seed.quota = {info.getQuota().getVertices(), info.getQuota().getEdges(), info.getQuota().getBytes()};
  seed.created_ns = info.getCreatedNs();
  for (auto index : in.getIndexes()) seed.indexes.emplace_back(text_of(index.getLabel()), text_of(index.getProperty()));
  return seed;
}

/// Outlives who asks: an answer may come late.
struct Asked {
  explicit Asked(std::uint32_t partitions) : told(partitions) {}
  ToldSpaces told;
  std::mutex mutex;
  std::condition_variable changed;
  std::set<PartitionId> silent;
  std::set<PartitionId> open;  // of these, those that were asked and have not answered
};

class SpacesPort final : public ReplyPort {
 public:
  SpacesPort(std::shared_ptr<Asked> asked, PartitionId of) : asked_(std::move(asked)), of_(of) {}
  void reply(Frame answer) override {
    bool told = answer && asked_->told.take(of_, answer.read<schema::Answer>());
    std::lock_guard lock(asked_->mutex);
    asked_->open.erase(of_);
    if (told) asked_->silent.erase(of_);
    asked_->changed.notify_all();
  }

 private:
  const std::shared_ptr<Asked> asked_;
  const PartitionId of_;
};

std::string nodes_of(const std::set<PartitionId>& partitions, const PartitionMap& map) {
  std::set<std::uint32_t> nodes;
  for (PartitionId partition : partitions) nodes.insert(map.owner(partition));
  std::string names;
  for (std::uint32_t node : nodes) names += (names.empty() ? "" : " ") + std::to_string(node);
  return names;
}

}  // namespace

bool ToldSpaces::take(PartitionId from, schema::Answer::Reader answer) {
  if (!answer.isDescribeSpaces() || answer.getError().getCode() != schema::ErrorCode::NONE) return false;
  auto described = answer.getDescribeSpaces();
  if (described.getIsNew()) return true;
  std::lock_guard lock(mutex_);
  homes_.insert(from);
  for (auto space : described.getSpaces()) {
    Told told{read_seed(space), false};
    told.by_home = home_of_space(told.seed.name, partitions_) == from;
    auto [known, first] = told_.try_emplace(told.seed.id.value, told);
    if (!first && told.by_home) known->second = std::move(told);
  }
  return true;
}

std::vector<SpaceSeed> ToldSpaces::seeds() const {
  std::lock_guard lock(mutex_);
  std::vector<SpaceSeed> seeds;
  for (const auto& [id, told] : told_)
    if (told.by_home || !homes_.contains(home_of_space(told.seed.name, partitions_))) seeds.push_back(told.seed);
  return seeds;
}

std::vector<SpaceSeed> ask_for_spaces(const PartitionMap& map, PartitionId from, const Clock& clock,
                                      const std::function<void(PartitionId, Mail)>& send) {
  auto asked = std::make_shared<Asked>(map.partitions());
  for (std::uint32_t node = 0; node < map.nodes(); ++node)
    if (node != map.owner(from))
      for (PartitionId partition : owned_by(map, node)) asked->silent.insert(partition);
  auto reported = steady_clock::now();
  std::unique_lock lock(asked->mutex);
  while (!asked->silent.empty()) {
    asked->open = asked->silent;
    std::set<PartitionId> now = asked->open;
    lock.unlock();
    for (PartitionId partition : now) {
      std::int64_t deadline_ns = clock.monotonic_ns() + question_ns;
      Frame question = Frame::build<schema::Request>([&](schema::Request::Builder out) {
        out.setDeadlineNs(deadline_ns);
        out.setDescribeSpaces();
      });
      send(partition, RequestMail{std::move(question), std::make_shared<SpacesPort>(asked, partition), from, deadline_ns});
    }
    lock.lock();
    // A question that is let go with its time is not answered.
    asked->changed.wait_for(lock, std::chrono::nanoseconds(question_ns), [&] { return asked->open.empty(); });
    if (asked->silent.empty()) break;
    asked->changed.wait_for(lock, ask_again);
    if (steady_clock::now() - reported < report_every) continue;
    reported = steady_clock::now();
    log_event(LogLevel::info, "new partitions wait for the other nodes, to know the spaces",
              {{"missing", nodes_of(asked->silent, map)}});
  }
  lock.unlock();
  return asked->told.seeds();
}

}  // namespace engram
