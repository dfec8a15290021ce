#include "cluster/gateway/query_run.h"

#include <sched.h>

#include "actors/partition/core/reads.h"

namespace engram {
namespace {

/// Partitions answer deadlines by themselves, and may be on their way.
constexpr std::int64_t late_answers_ns = 100'000'000;

class QueryRun final : public QueryHost, public std::enable_shared_from_this<QueryRun> {
 public:
  QueryRun(GatewayLoop& loop, const Clock& clock, std::unique_ptr<Query> query, std::int64_t deadline_ns,
           RequestNumber number)
      : loop_(loop),
        clock_(clock),
        query_(std::move(query)),
        deadline_ns_(deadline_ns),
        number_(number),
        cancelled_(std::make_shared<std::atomic<bool>>(false)) {}

  ~QueryRun() noexcept override {}

  void start() {
    guarded([this] { query_->start(*this); });
    loop_.pump();
  }

  void ask(PartitionId partition, Frame request, std::uint64_t tag) override {
    bool on_worker = is_long_read(request.read<schema::Request>());
    waits_for_.emplace_back(tag, partition);
    loop_.send(
        partition, std::move(request),
        [weak = weak_from_this(), tag, partition](const Frame& answer) {
          auto self = weak.lock();
          if (self != nullptr && !self->finished_) self->answered(tag, partition, answer);
        },
        cancelled_, number_, on_worker);
  }

  void finish(Frame reply) override {
    finished_ = true;
    cancelled_->store(true);
    KJ_IF_MAYBE(fulfiller, fulfiller_) {
      (*fulfiller)->fulfill(kj::mv(reply));
    } else {
      reply_ = std::move(reply);
    }
  }

  [[nodiscard]] Status interrupted() const override {
    if (deadline_ns_ != 0 && clock_.monotonic_ns() > deadline_ns_)
      return {Code::deadline_exceeded, "The time given ran out."};
    if (cancelled_->load(std::memory_order_relaxed)) return {Code::cancelled, "The caller went away."};
    return {};
  }

  [[nodiscard]] bool finished() const { return finished_; }
  kj::Promise<Frame> take() {
    KJ_IF_MAYBE(failure, failure_) { return kj::mv(*failure); }
    return std::move(reply_);
  }
  kj::Promise<Frame> wait() {
    auto paf = kj::newPromiseAndFulfiller<Frame>();
    fulfiller_ = kj::mv(paf.fulfiller);
    // A query notices between two rounds that its time is up; this is for partitions that do not answer.
    late_ = loop_.until(deadline_ns_ + late_answers_ns).then([this] { give_up(); }).eagerlyEvaluate(nullptr);
    return paf.promise.attach(kj::defer([self = shared_from_this()] {
      self->cancelled_->store(true);
      self->finished_ = true;
      self->fulfiller_ = nullptr;
    }));
  }

 private:
  void answered(std::uint64_t tag, PartitionId partition, const Frame& answer) {
    std::erase_if(waits_for_, [tag](const auto& one) { return one.first == tag; });
    guarded([&] { query_->answered(*this, tag, partition, answer); });
  }

  void give_up() {
    if (!finished_) guarded([this] { query_->give_up(*this, why_late()); });
  }

  /// Of those that have not answered, one whose node is away tells the most.
  [[nodiscard]] Status why_late() const {
    Status why(Code::deadline_exceeded, "The time given ran out.");
    for (const auto& [tag, partition] : waits_for_) {
      why = loop_.engine().no_answer(partition);
      if (why.code() == Code::unavailable) break;
    }
    return why;
  }

  /// A request is read while its query runs, and what a client wrote can always throw (its traversal limit, at the least).
  /// That ends this call, and not the loop that serves everybody.
  template <typename Step>
  void guarded(const Step& step) {
    MailHold hold(loop_.engine().others());  // a hop asks many partitions
    auto thrown = kj::runCatchingExceptions(step);
    KJ_IF_MAYBE(failure, thrown) {
      finished_ = true;
      cancelled_->store(true);
      KJ_IF_MAYBE(fulfiller, fulfiller_) {
        (*fulfiller)->reject(kj::mv(*failure));
      } else {
        failure_ = kj::mv(*failure);
      }
    }
    // The thread that sends it may wait for the core that this one is about to work on, for its own part of the hop; the
    // other nodes would begin with theirs when that is done.
    if (hold.release()) ::sched_yield();
  }

  GatewayLoop& loop_;
  const Clock& clock_;
  std::unique_ptr<Query> query_;
  std::int64_t deadline_ns_;
  RequestNumber number_;
  std::shared_ptr<std::atomic<bool>> cancelled_;
  std::vector<std::pair<std::uint64_t, PartitionId>> waits_for_;  // tags of a round's questions
  kj::Promise<void> late_ = kj::READY_NOW;
  bool finished_ = false;
  Frame reply_;
  kj::Maybe<kj::Exception> failure_;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<Frame>>> fulfiller_;
};

}  // namespace

kj::Promise<Frame> run_query(GatewayLoop& loop, const Clock& clock, std::unique_ptr<Query> query,
                             std::int64_t deadline_ns, RequestNumber number) {
  auto run = std::make_shared<QueryRun>(loop, clock, std::move(query), deadline_ns, number);
  run->start();
  return run->finished() ? run->take() : run->wait();
}

}  // namespace engram
