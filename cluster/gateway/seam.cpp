#include "cluster/gateway/seam.h"

#include <sched.h>

namespace engram {
namespace {

thread_local GatewayLoop* this_loop = nullptr;

/// While one call alone is being answered, the loop stays awake so many times longer: a command over two nodes takes two syncs
/// one after the other, and the way to the other node and back. Where several are, the cores have other work.
constexpr std::int64_t longer_for_an_answer = 3;

}  // namespace

// --- calls ----------------------------------------------------------------------------------------------------------

/// One question to one partition. Its answer may come on any thread; all else belongs to the loop.
class GatewayLoop::Call final : public ReplyPort, public std::enable_shared_from_this<Call> {
 public:
  explicit Call(GatewayLoop& loop) : loop_(loop), inbox_(loop.inbox_) {}
  ~Call() noexcept override {}

  void reply(Frame answer) override {
    if (this_loop == &loop_) return finish(std::move(answer));
    inbox_->push([self = shared_from_this(), answer = std::move(answer)]() mutable {
      self->loop_.stay_awake();
      self->finish(std::move(answer));
    });
  }
  [[nodiscard]] bool cancelled() const override { return cancelled_.load(std::memory_order_relaxed); }

  void finish(Frame answer) {
    if (cancelled()) return;
    KJ_IF_MAYBE(fulfiller, fulfiller_) {
      (*fulfiller)->fulfill(kj::mv(answer));
    } else {
      answer_ = std::move(answer);
    }
  }
  [[nodiscard]] bool answered() const { return static_cast<bool>(answer_); }
  Frame take() { return std::move(answer_); }
  kj::Promise<Frame> wait() {
    auto paf = kj::newPromiseAndFulfiller<Frame>();
    fulfiller_ = kj::mv(paf.fulfiller);
    return paf.promise.attach(kj::defer([self = shared_from_this()] {
      self->cancelled_.store(true, std::memory_order_relaxed);
      self->fulfiller_ = nullptr;
    }));
  }

 private:
  GatewayLoop& loop_;
  std::shared_ptr<LoopInbox> inbox_;
  std::atomic<bool> cancelled_{false};
  Frame answer_;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<Frame>>> fulfiller_;
};

GatewayLoop::GatewayLoop(Engine& engine, const Clock& clock, kj::AsyncIoContext& io, std::int64_t busy_poll_ns)
    : engine_(engine),
      clock_(clock),
      io_(io),
      unit_(&engine.actors()),
      inbox_(std::make_shared<LoopInbox>()),
      busy_poll_ns_(busy_poll_ns) {
  this_loop = this;
}

void GatewayLoop::stay_awake() {
  if (busy_poll_ns_ == 0) return;
  std::int64_t now = clock_.monotonic_ns();
  bool soon = now - std::exchange(last_work_ns_, now) <= busy_poll_ns_;
  if (soon && !std::exchange(polling_, true)) polls_ = poll().eagerlyEvaluate(nullptr);
}

kj::Promise<void> GatewayLoop::poll() {
  return kj::evalLast([this]() -> kj::Promise<void> {
    std::int64_t passed_ns = clock_.monotonic_ns() - last_work_ns_;
    if (passed_ns > (unanswered_ == 1 ? busy_poll_ns_ * longer_for_an_answer : busy_poll_ns_)) {
      polling_ = false;
      return kj::READY_NOW;
    }
    ::sched_yield();
    // Its answer, whether another thread called for kj's cross-thread events, goes unused: threads come by the inbox.
    io_.unixEventPort.poll();
    return poll();
  });
}

/// `when_late` goes behind what is said when no answer comes in time.
kj::Promise<Frame> GatewayLoop::start(PartitionId partition, Mail mail, std::shared_ptr<Call> call,
                                      std::int64_t deadline_ns, const char* when_late) {
  stay_awake();
  engine_.send(partition, std::move(mail), &unit_);
  pump();
  if (call->answered()) return call->take();
  ++unanswered_;
  return call->wait()
      .exclusiveJoin(until(deadline_ns).then([this, partition, when_late] {
        Status why = engine_.no_answer(partition);
        return error_answer({why.code(), why.message() + when_late, why.field()});
      }))
      .attach(kj::defer([this] { --unanswered_; }));
}

kj::Promise<Frame> GatewayLoop::ask(PartitionId partition, Frame request, std::int64_t deadline_ns,
                                    RequestNumber number) {
  auto call = std::make_shared<Call>(*this);
  return start(partition, RequestMail{std::move(request), call, {}, 0, nullptr, number}, call, deadline_ns, "");
}

kj::Promise<Frame> GatewayLoop::submit(PartitionId partition, CommandBytes command, std::int64_t deadline_ns,
                                       RequestNumber number) {
  auto call = std::make_shared<Call>(*this);
  return start(partition, SubmitMail{std::move(command), call, deadline_ns, number}, call, deadline_ns,
               " The outcome of the command is unknown: ask again with the same sequence number.");
}

kj::Promise<void> GatewayLoop::until(std::int64_t deadline_ns) {
  return timer().afterDelay(std::max<std::int64_t>(deadline_ns - clock_.monotonic_ns(), 0) * kj::NANOSECONDS);
}

namespace {

/// A query's question: its answer is queued, so that it never comes in the middle of the query's own handler.
class QueryPort final : public ReplyPort {
 public:
  QueryPort(std::function<void(std::function<void()>)> queue_here, std::shared_ptr<LoopInbox> inbox, GatewayLoop* loop,
            std::function<void(Frame)> answered, std::shared_ptr<std::atomic<bool>> cancelled)
      : queue_here_(std::move(queue_here)),
        inbox_(std::move(inbox)),
        loop_(loop),
        answered_(std::move(answered)),
        cancelled_(std::move(cancelled)) {}

  void reply(Frame answer) override {
    auto deliver_answer = [answered = answered_, cancelled = cancelled_, answer = std::move(answer)] {
      if (!cancelled->load(std::memory_order_relaxed)) answered(answer);
    };
    if (this_loop == loop_) return queue_here_(std::move(deliver_answer));
    // The loop may be waiting: it has to pump after it was told.
    inbox_->push([deliver_answer = std::move(deliver_answer), loop = loop_] {
      deliver_answer();
      loop->pump();
    });
  }
  [[nodiscard]] bool cancelled() const override { return cancelled_->load(std::memory_order_relaxed); }

 private:
  std::function<void(std::function<void()>)> queue_here_;
  std::shared_ptr<LoopInbox> inbox_;
  GatewayLoop* loop_;
  std::function<void(Frame)> answered_;
  std::shared_ptr<std::atomic<bool>> cancelled_;
};

}  // namespace

void GatewayLoop::send(PartitionId partition, Frame request, std::function<void(Frame)> answered,
                       std::shared_ptr<std::atomic<bool>> cancelled, RequestNumber number, bool on_worker) {
  auto port = std::make_shared<QueryPort>(
      [this](std::function<void()> work) { answered_here_.push_back(std::move(work)); }, inbox_, this,
      std::move(answered), std::move(cancelled));
  stay_awake();
  engine_.send(partition, RequestMail{std::move(request), std::move(port), {}, 0, nullptr, number},
               on_worker ? nullptr : &unit_);
}

void GatewayLoop::pump() {
  if (std::exchange(pumping_, true)) return;
  while (true) {
    unit_.run();
    if (answered_here_.empty()) break;
    for (auto& one : std::exchange(answered_here_, {})) one();
  }
  pumping_ = false;
}

}  // namespace engram
