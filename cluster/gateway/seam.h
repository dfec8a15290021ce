#pragma once
// The one seam between KJ's event loops and CAF's actors.
//
// A loop asks a partition and gets a promise. The partition runs on the loop's own thread if it is idle (InlineUnit), and the
// answer is there when `ask` returns; otherwise it comes from another thread through the loop's queue of completions, with
// one wake-up for as many as have gathered.

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include <kj/async-io.h>
#include <kj/async-unix.h>

#include "actors/messages/mail.h"
#include "actors/runtime/inline_unit.h"
#include "cluster/gateway/loop_inbox.h"
#include "cluster/node/engine.h"

namespace engram {

/// What belongs to one event loop. Only its own thread may touch it, but for the inbox.
class GatewayLoop {
 public:
  /// `busy_poll_ns`: see `stay_awake`; 0: sleeps at once.
  GatewayLoop(Engine& engine, const Clock& clock, kj::AsyncIoContext& io, std::int64_t busy_poll_ns);

  /// Sends a request to a partition. Once `deadline_ns` (monotonic) has passed, the answer is an error that says which
  /// partition did not answer: `unavailable` if its node is away, else `deadline_exceeded`. Dropping the promise cancels what
  /// has not begun.
  kj::Promise<Frame> ask(PartitionId partition, Frame request, std::int64_t deadline_ns, RequestNumber number);
  /// The same for a command; one that was not answered in time may be executed or not.
  kj::Promise<Frame> submit(PartitionId partition, CommandBytes command, std::int64_t deadline_ns, RequestNumber number);
  /// Resolves at that time; only for where an answer is not there at once, since a timer costs.
  kj::Promise<void> until(std::int64_t deadline_ns);
  /// Resolves when the node begins to stop: for calls that would go on for as long as their client likes.
  kj::Promise<void> stopping() { return stopping_.addBranch(); }
  void begin_to_stop() { stop_.fulfiller->fulfill(); }

  /// For queries: the answer goes to `answered` on this thread, but never before `send` returned; until `pump` is called if
  /// the partition ran right here.
  void send(PartitionId partition, Frame request, std::function<void(Frame)> answered,
            std::shared_ptr<std::atomic<bool>> cancelled, RequestNumber number, bool on_worker);
  /// Runs the partitions that became ready, and delivers what they answered, until nothing is left to do here.
  void pump();
  /// Where work comes right behind work, waking up costs more than most calls: if the last came no longer ago than
  /// `busy_poll_ns`, the loop looks for more for as long before it sleeps (longer while it waits for one answer), and lets
  /// other threads go first. Called when work comes: a call, or an answer.
  void stay_awake();

  Engine& engine() { return engine_; }
  kj::AsyncIoContext& io() { return io_; }
  const Clock& clock() const { return clock_; }
  kj::Timer& timer() { return io_.provider->getTimer(); }
  std::shared_ptr<LoopInbox> inbox() { return inbox_; }

 private:
  class Call;
  kj::Promise<Frame> start(PartitionId partition, Mail mail, std::shared_ptr<Call> call, std::int64_t deadline_ns,
                           const char* when_late);

  Engine& engine_;
  const Clock& clock_;
  kj::AsyncIoContext& io_;
  InlineUnit unit_;
  std::shared_ptr<LoopInbox> inbox_;
  std::vector<std::function<void()>> answered_here_;
  bool pumping_ = false;
  kj::PromiseFulfillerPair<void> stop_ = kj::newPromiseAndFulfiller<void>();
  kj::ForkedPromise<void> stopping_ = stop_.promise.fork();

  kj::Promise<void> poll();
  std::int64_t busy_poll_ns_;
  std::int64_t last_work_ns_ = 0;
  bool polling_ = false;
  std::size_t unanswered_ = 0;  // calls that partitions work on, or other nodes
  kj::Promise<void> polls_ = kj::READY_NOW;
};

}  // namespace engram
