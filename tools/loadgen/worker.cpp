#include "tools/loadgen/worker.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <sys/timerfd.h>
#include <unistd.h>

#include <kj/debug.h>

#include "storage/base/random.h"

namespace engram::loadgen {

namespace {

using OpenedChannel = Result<kj::Own<Channel>>;

kj::Promise<OpenedChannel> open_space_on(kj::Own<client::Connection> connection, const BenchOptions& options,
                                         client::Access access) {
  return client::open_space(kj::mv(access.session), options.client.space)
      .then([&options, connection = kj::mv(connection)](Result<client::OpenSpace>&& opened) mutable -> OpenedChannel {
        if (!opened.ok()) return opened.status();
        auto engram = connection->engram();
        auto channel = kj::heap<Channel>(Channel{.connection = kj::mv(connection),
                                                 .engram = kj::mv(engram),
                                                 .space = std::move(opened).value(),
                                                 .session = SystemRandom().next64(),
                                                 .open_sequences = {}});
        channel->open_sequences.resize(options.in_flight);
        return channel;
      });
}

std::string text_of(const kj::Exception& error) { return {error.getDescription().begin(), error.getDescription().size()}; }

}  // namespace

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void CallTotals::merge(const CallTotals& other) {
  latency_ns.merge(other.latency_ns);
  calls += other.calls;
  items += other.items;
  missing += other.missing;
  exceeded += other.exceeded;
  for (auto& [code, count] : other.errors) errors[code] += count;
  measured += other.measured;
  request_bytes += other.request_bytes;
  reply_bytes += other.reply_bytes;
}

kj::Promise<OpenedChannel> open_channel(kj::AsyncIoProvider& provider, const BenchOptions& options) {
  return client::Connection::connect(provider, options.client.server, options.client.tls)
      .then([&options](Result<kj::Own<client::Connection>>&& connected) -> kj::Promise<OpenedChannel> {
        if (!connected.ok()) return OpenedChannel(connected.status());
        auto connection = std::move(connected).value();
        auto authenticated = connection->authenticate(options.client.token);
        return authenticated.then([&options, connection = kj::mv(connection)](
                                      Result<client::Access>&& access) mutable -> kj::Promise<OpenedChannel> {
          if (!access.ok()) return OpenedChannel(access.status());
          return open_space_on(kj::mv(connection), options, std::move(access).value());
        });
      });
}

Worker::Worker(const BenchOptions& options, const PartitionedKeys& partitioned, unsigned index,
               std::atomic<std::uint64_t>& live_calls)
    : options_(options),
      index_(index),
      live_calls_(live_calls),
      maker_(options, partitioned, options.seed * 1'000'003 + index),
      io_(kj::setupAsyncIo()) {
  timer_fd_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  KJ_REQUIRE(timer_fd_ >= 0, "no timerfd");
  timer_ = io_.lowLevelProvider->wrapInputFd(timer_fd_, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                                                            kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK |
                                                            kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC);
}

Status Worker::connect() {
  unsigned mine = options_.connections / options_.threads + (index_ < options_.connections % options_.threads ? 1 : 0);
  try {
    for (unsigned i = 0; i < mine; ++i) {
      auto opened = open_channel(*io_.provider, options_).wait(io_.waitScope);
      if (!opened.ok()) return opened.status();
      channels_.push_back(std::move(opened).value());
    }
  } catch (const kj::Exception& error) {
    return {Code::unavailable, "cannot connect to " + options_.client.server + ": " + text_of(error)};
  }
  return {};
}

void Worker::run(Window& window) {
  window_ = &window;
  interval_ns_ = is_open_loop() ? 1e9 * options_.threads / options_.rate : 0;
  // From the moment at which the run began, however late this thread is: what it misses counts as late.
  next_due_ns_ = static_cast<double>(window.begin) - options_.warmup_seconds * 1e9 + interval_ns_ * index_ / options_.threads;
  auto timer_served = serve_timer().eagerlyEvaluate(nullptr);
  kj::Vector<kj::Promise<void>> lanes;
  // Lane by lane over the connections, so that an open loop spreads its calls.
  for (std::size_t lane = 0; lane < options_.in_flight; ++lane) {
    for (auto& channel : channels_) lanes.add(next_call({channel.get(), lane}).eagerlyEvaluate(nullptr));
  }
  kj::joinPromises(lanes.releaseAsArray()).wait(io_.waitScope);
  if (is_open_loop() && !window.by_calls) {
    double behind_ns = static_cast<double>(window.end) - next_due_ns_;
    unsent_ += behind_ns > 0 ? static_cast<std::uint64_t>(behind_ns / interval_ns_) : 0;
  }
}

bool Worker::may_start(std::int64_t start_ns) {
  if (window_->by_calls) return start_ns < window_->begin || window_->calls_left.fetch_sub(1) > 0;
  if (start_ns >= window_->end) return false;
  if (!is_open_loop() || now_ns() < window_->end) return true;
  ++unsent_;
  return false;
}

kj::Promise<void> Worker::next_call(Lane lane) {
  std::int64_t now = now_ns();
  std::int64_t start = is_open_loop() ? take_due_ns() : now;
  if (!may_start(start)) return kj::READY_NOW;
  if (start > now) return wait_until(start).then([this, lane, start] { return call(lane, start); });
  return call(lane, start);
}

kj::Promise<void> Worker::call(Lane lane, std::int64_t start_ns) {
  auto kind = maker_.draw();
  return maker_.send(*lane.channel, lane.index, kind)
      .then(
          [this, kind, lane, start_ns](Answer&& answer) {
            record(kind, start_ns, answer);
            return next_call(lane);
          },
          [this, kind, start_ns](kj::Exception&&) -> kj::Promise<void> {
            record(kind, start_ns, Answer{.code = Code::unavailable});
            return kj::READY_NOW;
          });
}

void Worker::record(CallKind kind, std::int64_t start_ns, const Answer& answer) {
  live_calls_.fetch_add(1, std::memory_order_relaxed);
  auto& totals = totals_[static_cast<std::size_t>(kind)];
  if (answer.request_bytes > 0) {
    ++totals.measured;
    totals.request_bytes += answer.request_bytes;
    totals.reply_bytes += answer.reply_bytes;
  }
  if (start_ns < window_->begin) return;
  std::int64_t now = now_ns();
  if (answer.code == Code::none) {
    totals.latency_ns.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now - start_ns, 0)));
  } else {
    ++totals.errors[answer.code];
  }
  if (!window_->by_calls && now >= window_->end) return;  // its latency counts, but it is not part of the rate
  last_answer_ns_ = now;
  ++totals.calls;
  totals.items += answer.items;
  totals.missing += answer.missing;
  totals.exceeded += answer.exceeded;
}

// --- The clock of the open loop

std::int64_t Worker::take_due_ns() {
  auto due = static_cast<std::int64_t>(next_due_ns_);
  next_due_ns_ += interval_ns_;
  return due;
}

kj::Promise<void> Worker::wait_until(std::int64_t due_ns) {
  auto waiting = kj::newPromiseAndFulfiller<void>();
  waiting_.push_back({due_ns, kj::mv(waiting.fulfiller)});
  if (waiting_.size() == 1) arm_timer();
  return kj::mv(waiting.promise);
}

void Worker::arm_timer() {
  if (waiting_.empty()) return;
  itimerspec when{};
  when.it_value.tv_sec = waiting_.front().due_ns / 1'000'000'000;
  when.it_value.tv_nsec = waiting_.front().due_ns % 1'000'000'000;
  KJ_SYSCALL(::timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &when, nullptr));
}

kj::Promise<void> Worker::serve_timer() {
  return timer_->read(&timer_count_, sizeof timer_count_).then([this] {
    std::int64_t now = now_ns();
    while (!waiting_.empty() && waiting_.front().due_ns <= now) {
      waiting_.front().fulfiller->fulfill();
      waiting_.pop_front();
    }
    arm_timer();
    return serve_timer();
  });
}

}  // namespace engram::loadgen
