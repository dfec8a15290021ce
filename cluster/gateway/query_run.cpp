#include "cluster/gateway/query_run.h"

#include "actors/partition/core/reads.h"

namespace engram {
namespace {

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
    loop_.send(
        partition, std::move(request),
        [weak = weak_from_this(), tag, partition](const Frame& answer) {
          auto self = weak.lock();
          if (self != nullptr && !self->finished_)
            self->guarded([&] { self->query_->answered(*self, tag, partition, answer); });
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
    return paf.promise.attach(kj::defer([self = shared_from_this()] {
      self->cancelled_->store(true);
      self->finished_ = true;
      self->fulfiller_ = nullptr;
    }));
  }

 private:
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
  }

  GatewayLoop& loop_;
  const Clock& clock_;
  std::unique_ptr<Query> query_;
  std::int64_t deadline_ns_;
  RequestNumber number_;
  std::shared_ptr<std::atomic<bool>> cancelled_;
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
  if (run->finished()) return run->take();
  // The query notices between two hops that its time is up; the rest is for a partition that does not answer.
  return loop.within(run->wait(), deadline_ns + 100'000'000);
}

}  // namespace engram
