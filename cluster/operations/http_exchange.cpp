#include "cluster/operations/http_exchange.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace engram {
namespace {

/// Bytes that were there; 0: the other side has ended; -1: nothing for now; -2: the connection is broken.
ssize_t receive(int socket, char* to, std::size_t size) {
  while (true) {
    ssize_t got = ::recv(socket, to, size, MSG_DONTWAIT);
    if (got >= 0) return got;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
  }
}

}  // namespace

HttpExchange::HttpExchange(Descriptor socket, std::int64_t now_ms)
    : socket_(std::move(socket)), deadline_ms_(now_ms + head_time_ms) {}

void HttpExchange::enter(State state, std::int64_t deadline_ms) {
  state_ = state;
  deadline_ms_ = deadline_ms;
}

short HttpExchange::events() const {
  switch (state_) {
    case State::reading:
    case State::lingering:
      return POLLIN;
    case State::sending:
      return POLLOUT;
    default:
      return 0;
  }
}

void HttpExchange::proceed(std::int64_t now_ms) {
  if (state_ == State::reading) read_head(now_ms);
  if (state_ == State::sending) send_rest(now_ms);
  if (state_ == State::lingering) throw_away();
}

void HttpExchange::be_late(std::int64_t now_ms) {
  if (state_ == State::reading && !head_.empty()) {
    answer({408, "the request did not come within 2 seconds\n"}, now_ms);
  } else if (state_ == State::answering) {
    answer({503, "the answer takes too long\n"}, now_ms);
  } else {
    state_ = State::over;
  }
}

void HttpExchange::read_head(std::int64_t now_ms) {
  std::array<char, 2048> buffer;
  while (true) {
    ssize_t got = receive(socket_.get(), buffer.data(), buffer.size());
    if (got == -1) return;
    if (got <= 0) return enter(State::over, now_ms);
    std::size_t looked_at = head_.size();
    head_.append(buffer.data(), static_cast<std::size_t>(got));
    if (has_whole_head(head_, looked_at)) break;
    if (head_.size() >= max_head_bytes) return answer({431, "a request is at most 16 KiB\n"}, now_ms);
  }
  auto request = parse_request(head_);
  if (!request) return answer({400, "this is no HTTP/1 request\n"}, now_ms);
  with_body_ = request->method != "HEAD";
  if (request->method != "GET" && request->method != "HEAD") return answer({405, "only GET and HEAD\n"}, now_ms);
  request_ = std::move(*request);
  enter(State::asking, now_ms + answer_time_ms);
}

HttpRequest HttpExchange::take_request(std::int64_t now_ms) {
  enter(State::answering, now_ms + answer_time_ms);
  return std::move(request_);
}

void HttpExchange::answer(const HttpAnswer& answer, std::int64_t now_ms) {
  output_ = to_text(answer, with_body_);
  enter(State::sending, now_ms + send_time_ms);
  proceed(now_ms);
}

void HttpExchange::send_rest(std::int64_t now_ms) {
  while (sent_ < output_.size()) {
    ssize_t sent = ::send(socket_.get(), output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (sent < 0) return enter(State::over, now_ms);
    sent_ += static_cast<std::size_t>(sent);
  }
  ::shutdown(socket_.get(), SHUT_WR);
  enter(State::lingering, now_ms + linger_time_ms);
}

void HttpExchange::throw_away() {
  std::array<char, 4096> buffer;
  while (thrown_away_ < max_lingering_bytes) {
    ssize_t got = receive(socket_.get(), buffer.data(), buffer.size());
    if (got == -1) return;
    if (got <= 0) break;
    thrown_away_ += static_cast<std::size_t>(got);
  }
  state_ = State::over;
}

}  // namespace engram
