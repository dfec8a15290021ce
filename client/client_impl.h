#pragma once
// What is behind Client: one connection that is made again when it is lost, and the rules of retrying.

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include <kj/async-io.h>
#include <kj/one-of.h>

#include "client/batch_impl.h"
#include "client/live.h"
#include "client/owners.h"
#include "storage/base/placement.h"

namespace engram::client {

inline std::uint32_t milliseconds_until(kj::TimePoint when) {
  auto left = when - now();
  return left <= 0 * kj::MILLISECONDS ? 0 : static_cast<std::uint32_t>(left / kj::MILLISECONDS);
}

/// The event loop of this thread, shared by all its clients: kj allows one a thread.
std::shared_ptr<kj::AsyncIoContext> loop_of_this_thread();

/// Waits that double from attempt to attempt, half of each at random so that clients do not come back in step.
class Backoff {
 public:
  explicit Backoff(const Options& options) : next_ms_(options.backoff_min_ms), max_ms_(options.backoff_max_ms) {}
  std::uint32_t next_ms(std::uint64_t random);

 private:
  std::uint32_t next_ms_;
  std::uint32_t max_ms_;
};

/// How a call ended without an answer that is worth the name.
enum class Failure {
  answered,        // the engine failed, and said so
  lost,            // the connection broke or is silent: whatever was sent may have arrived
  late,            // its time is over. Its node is there: whatever was sent has arrived, or will
  refused,         // the engine's RPC layer refused the call: it was not executed
};
struct CallError {
  Failure failure = Failure::answered;
  Status status;
};
CallError classify(const kj::Exception& error);

/// Whether a read that ended so may succeed when it is repeated.
inline bool is_passing(Code code) { return code == Code::unavailable || code == Code::overloaded; }

class Client::Impl {
 public:
  explicit Impl(Options options);

  /// Connects, authenticates and opens the space, if one is named, if there is no connection; goes on trying until the deadline.
  Status ensure_live(kj::TimePoint deadline);
  /// One attempt to connect, to the server whose turn it is.
  Status connect_once(kj::TimePoint deadline);
  /// One attempt to connect to each server, until one is there. A code that is not passing: all of them refuse the client.
  Status try_each_server(kj::TimePoint deadline);
  Live& live();
  /// To the node that owns the vertex, if there is a connection to it; else `live()`. Null: nothing is asked for by key or id.
  Live& live_for(const VertexRef* about);
  [[nodiscard]] bool is_live() const { return live_ != nullptr; }
  /// The connection with that number, to whichever node; null: it is lost.
  Live* find(std::uint64_t generation);
  /// Drops the connection with that number if it is there still.
  void drop_live(std::uint64_t generation);
  /// What is told of a call that was sent on that connection. To be asked for before the connection is dropped.
  Status no_answer(std::uint64_t generation);
  /// What an engine of several answered says that it is about to stop, say: the next attempt is made at another one.
  void leave_for(const Status& answer, std::uint64_t generation);
  Status use_space(std::string_view name);
  /// An error if the client works on no space.
  [[nodiscard]] Status check_space() const;

  /// Waits out one back-off step. False: the deadline comes first.
  bool pause(Backoff& backoff, kj::TimePoint deadline);

  /// Waits for the answer to what was sent on that connection. Without one it ends at the deadline (`late`), or before, when
  /// the connection is silent (`lost`).
  template <typename T>
  kj::OneOf<T, CallError> wait_for_answer(kj::Promise<T> promise, std::uint64_t generation, kj::TimePoint deadline) {
    using Ended = kj::OneOf<T, CallError>;
    auto given_up = watch(begin_wait(generation, deadline)).then([this, generation](Failure failure) -> Ended {
      return CallError{failure, no_answer(generation)};
    });
    return promise
        .then([](T&& answer) -> Ended { return kj::mv(answer); },
              [](kj::Exception&& error) -> Ended { return classify(error); })
        .exclusiveJoin(kj::mv(given_up))
        .wait(wait_scope());
  }
  /// Null: not there in time.
  template <typename T>
  kj::Promise<kj::Maybe<T>> limited(kj::Promise<T> promise, kj::TimePoint when) {
    // An absolute time: the loop's own idea of now is as old as its last turn. When a loop that stood still goes on, the
    // timer and the answer are both due: what is in the socket already is read before the verdict.
    auto late = timer().atTime(when).then([] { return kj::evalLast([]() -> kj::Maybe<T> { return nullptr; }); });
    return promise.then([](T&& value) -> kj::Maybe<T> { return kj::mv(value); }).exclusiveJoin(kj::mv(late));
  }

  /// Runs `make_call(live, limit_ms)` until it gives an answer that repeating would not change, or the deadline is there.
  /// `about`: see `live_for`.
  template <typename T, typename MakeCall>
  Result<T> call(std::uint32_t timeout_ms, const VertexRef* about, MakeCall make_call);
  template <typename T, typename MakeCall>
  Result<T> call(std::uint32_t timeout_ms, MakeCall make_call) {
    return call<T>(timeout_ms, nullptr, kj::mv(make_call));
  }

  /// The same for a read of the space: `make_call(reader, limit_ms)`.
  template <typename T, typename MakeCall>
  Result<T> read(std::uint32_t timeout_ms, const VertexRef* about, MakeCall make_call) {
    if (auto status = check_space(); !status.ok()) return status;
    return call<T>(timeout_ms, about, [&](Live& live, std::uint32_t limit_ms) {
      return make_call(KJ_ASSERT_NONNULL(live.space).reader, limit_ms);
    });
  }

  [[nodiscard]] kj::TimePoint deadline_of(std::uint32_t timeout_ms) const {
    return now() + (timeout_ms == 0 ? options_.timeout_ms : timeout_ms) * kj::MILLISECONDS;
  }
  /// What an engine is told that a call may take: nearly all that is left, so that its own answer, which says how far it came,
  /// is here in time.
  [[nodiscard]] static std::uint32_t engine_ms(kj::TimePoint deadline) {
    auto left_ms = milliseconds_until(deadline);
    return std::max(1U, left_ms - std::min(left_ms / 5, longest_way_back_ms));
  }
  static constexpr std::uint32_t longest_way_back_ms = 300;  // an engine waits a little for partitions that are just answering

  // --- The session that makes changes safe to repeat
  std::uint64_t begin_sequence();
  /// Its outcome is known: the engine may forget it.
  void end_sequence(std::uint64_t sequence);
  /// Its outcome stays unknown: it is remembered for ask_again, until too many are.
  void give_up_sequence(std::uint64_t sequence);
  /// It is on its way again.
  void resume_sequence(std::uint64_t sequence) { given_up_.erase(sequence); }
  [[nodiscard]] bool is_outstanding(std::uint64_t sequence) const { return outstanding_.contains(sequence); }
  CommandHeader header(std::uint64_t sequence, SpaceId space) const;
  /// The engine no longer knows the session: later changes use a new one.
  void renew_session();

  /// An engine has limits of its own: its time for a call may be over when the caller's is not.
  [[nodiscard]] static bool is_early(Code code, kj::TimePoint deadline) {
    return code == Code::deadline_exceeded && milliseconds_until(deadline) > 2 * longest_way_back_ms;
  }

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const ServerInfo& server() const { return server_; }
  [[nodiscard]] const SpaceInfo& space() const { return space_; }
  [[nodiscard]] PartitionId owner_of(const VertexRef& vertex) const;
  [[nodiscard]] PartitionId owner_of(std::string_view key) const { return owner_of_key(route_, key, partitions_); }
  kj::Timer& timer() { return loop_->provider->getTimer(); }
  kj::WaitScope& wait_scope() { return loop_->waitScope; }

 private:
  /// A wait for an answer on the connection with that number, and how it is looked at whether the node is there still.
  struct Wait {
    std::uint64_t generation;
    kj::TimePoint looked;
    kj::TimePoint deadline;
    kj::Duration step;
  };
  Wait begin_wait(std::uint64_t generation, kj::TimePoint deadline);
  /// Resolves when the wait is to end.
  kj::Promise<Failure> watch(Wait wait);

  [[nodiscard]] Status explain_unreachable(const Status& status) const;
  void take_in(Live live);
  void enter(SpaceInfo space);
  void learn_owners();
  void learn_again();
  [[nodiscard]] const std::string& address() const { return servers_[at_]; }

  Options options_;
  std::vector<std::string> servers_;
  std::size_t at_ = 0;  // the one that is connected, or will be tried next
  std::shared_ptr<kj::AsyncIoContext> loop_;
  kj::Maybe<Live> live_;
  std::uint64_t generation_ = 0;
  Owners owners_;
  kj::TimePoint map_due_ = kj::origin<kj::TimePoint>();
  kj::Promise<void> learning_ = kj::READY_NOW;
  ServerInfo server_;
  SpaceInfo space_;
  SpaceRoute route_;               // of space_: a load asks for every edge's ends
  std::uint32_t partitions_ = 1;
  std::uint64_t session_ = 0;
  std::uint64_t next_sequence_ = 1;
  std::set<std::uint64_t> outstanding_;   // on their way, or given up
  std::set<std::uint64_t> given_up_;
};

template <typename T, typename MakeCall>
Result<T> Client::Impl::call(std::uint32_t timeout_ms, const VertexRef* about, MakeCall make_call) {
  auto deadline = deadline_of(timeout_ms);
  Backoff backoff(options_);
  Status told;  // why an engine did not do it, at the last attempt that it answered: says more than that the time is over
  for (;;) {
    if (auto status = ensure_live(deadline); !status.ok()) return status;
    Live& used = live_for(about);
    auto generation = used.generation;
    auto ended = wait_for_answer<Result<T>>(kj::evalNow([&] { return make_call(used, engine_ms(deadline)); }), generation,
                                            deadline);
    Status last;
    if (ended.template is<Result<T>>()) {
      auto& result = ended.template get<Result<T>>();
      last = result.status();
      if (last.ok() || !(is_passing(last.code()) || is_early(last.code(), deadline))) return kj::mv(result);
      leave_for(last, generation);
      told = last;
    } else {
      auto& error = ended.template get<CallError>();
      last = error.status;
      if (error.failure == Failure::late && !told.ok()) return told;
      if (error.failure == Failure::lost) {
        drop_live(generation);
      } else if (!is_passing(last.code())) {
        return last;
      }
    }
    if (!pause(backoff, deadline)) return last;
  }
}

}  // namespace engram::client
