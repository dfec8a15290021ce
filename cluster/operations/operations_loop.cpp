#include "cluster/operations/operations_loop.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "cluster/logging/logging.h"
#include "storage/base/error_text.h"

namespace engram {
namespace {

using State = HttpExchange::State;

constexpr std::int64_t longest_wait_ms = 60'000;
constexpr std::int64_t accept_pause_ms = 100;
constexpr std::int64_t end_time_ms = 2'000;

std::int64_t monotonic_ms() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

bool has_asked(const HttpExchange& exchange) {
  return exchange.state() == State::answering || exchange.state() == State::sending;
}

}  // namespace

OperationsLoop::OperationsLoop(Descriptor listener, Descriptor waker, Routes routes, std::size_t max_connections)
    : listener_(std::move(listener)),
      wake_(std::move(waker)),
      routes_(std::move(routes)),
      max_connections_(max_connections),
      documents_([this] { wake(); }) {}

void OperationsLoop::wake() {
  std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void OperationsLoop::end() {
  ending_ = true;
  wake();
}

void OperationsLoop::run() {
  std::int64_t end_ms = 0;
  for (std::int64_t now_ms = monotonic_ms();; now_ms = monotonic_ms()) {
    if (ending_) {
      if (end_ms == 0) end_ms = now_ms + end_time_ms;
      drop_all_but_answering();
      if (connections_.empty() || now_ms >= end_ms) return;
    }
    wait(now_ms);
    now_ms = monotonic_ms();
    std::size_t at = 2;
    for (Connection& connection : connections_) {
      if (polled_[at].revents != 0) proceed(connection, now_ms);
      // Broken in both directions, while nothing is to be read or written: it would be reported again and again.
      if ((polled_[at].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 && connection.exchange.events() == 0)
        connection.exchange.drop();
      if (now_ms >= connection.exchange.deadline_ms()) connection.exchange.be_late(now_ms);
      ++at;
    }
    if (polled_[0].revents != 0) deliver_documents(now_ms);
    if (polled_[1].revents != 0) accept_waiting(now_ms);
    connections_.remove_if([](const Connection& one) { return one.exchange.state() == State::over; });
  }
}

bool OperationsLoop::accepts(std::int64_t now_ms) const { return !ending_ && now_ms >= accept_again_ms_; }

void OperationsLoop::wait(std::int64_t now_ms) {
  std::int64_t until_ms = now_ms + longest_wait_ms;
  if (accept_again_ms_ > now_ms) until_ms = accept_again_ms_;
  polled_.clear();
  polled_.push_back({wake_.get(), POLLIN, 0});
  polled_.push_back({accepts(now_ms) ? listener_.get() : -1, POLLIN, 0});
  for (const Connection& connection : connections_) {
    polled_.push_back({connection.exchange.socket(), connection.exchange.events(), 0});
    until_ms = std::min(until_ms, connection.exchange.deadline_ms());
  }
  int ready = ::poll(polled_.data(), polled_.size(), static_cast<int>(std::max<std::int64_t>(until_ms - now_ms, 0)));
  if (ready >= 0) return;
  if (errno != EINTR) std::this_thread::sleep_for(std::chrono::milliseconds(accept_pause_ms));  // out of memory, perhaps
  for (pollfd& one : polled_) one.revents = 0;
}

void OperationsLoop::accept_waiting(std::int64_t now_ms) {
  // As many as there are places: then those that came before get their turn.
  for (std::size_t i = 0; i < max_connections_; ++i) {
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.get() < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // Out of descriptors, for example: no reason to stop listening, and none to try without a pause.
      accept_again_ms_ = now_ms + accept_pause_ms;
      if (!std::exchange(accept_fails_, true))
        log_event(LogLevel::error, "the operations port cannot accept connections", {{"error", error_text(errno)}});
      return;
    }
    accept_fails_ = false;
    make_room();
    connections_.push_back({++last_number_, HttpExchange(std::move(socket), now_ms)});
    proceed(connections_.back(), now_ms);
  }
}

void OperationsLoop::make_room() {
  connections_.remove_if([](const Connection& one) { return one.exchange.state() == State::over; });
  if (connections_.size() < max_connections_) return;
  auto slow = std::find_if(connections_.begin(), connections_.end(),
                           [](const Connection& one) { return !has_asked(one.exchange); });
  connections_.erase(slow != connections_.end() ? slow : connections_.begin());
}

void OperationsLoop::proceed(Connection& connection, std::int64_t now_ms) {
  connection.exchange.proceed(now_ms);
  if (connection.exchange.state() == State::asking) route(connection, now_ms);
}

void OperationsLoop::route(Connection& connection, std::int64_t now_ms) {
  HttpExchange& exchange = connection.exchange;
  HttpRequest request = exchange.take_request(now_ms);
  if (auto probe = routes_.probes.find(request.path); probe != routes_.probes.end()) {
    exchange.answer(probe->second(), now_ms);
  } else if (auto document = routes_.documents.find(request.path); document != routes_.documents.end()) {
    if (!documents_.ask(connection.number, document->second))
      exchange.answer({503, "too many wait for this already\n"}, now_ms);
  } else {
    exchange.answer({404, "not found; there are /livez /startupz /readyz /metrics /status\n"}, now_ms);
  }
}

void OperationsLoop::deliver_documents(std::int64_t now_ms) {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  for (const DocumentThread::Made& made : documents_.take())
    for (Connection& connection : connections_)
      if (connection.number == made.number && connection.exchange.state() == State::answering)
        connection.exchange.answer(made.answer, now_ms);
}

void OperationsLoop::drop_all_but_answering() {
  connections_.remove_if([](const Connection& one) { return !has_asked(one.exchange); });
}

}  // namespace engram
