#pragma once
// Two ends of a wire in one process, and what happens at them.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "cluster/peers/wire.h"
#include "tests/support/wait.h"

namespace engram::test {

using SocketPair = std::pair<int, int>;

inline SocketPair unix_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) throw std::runtime_error("socketpair");
  return {fds[0], fds[1]};
}

inline SocketPair tcp_pair() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, raw, size) != 0 || ::listen(listener, 1) != 0 || ::getsockname(listener, raw, &size) != 0)
    throw std::runtime_error("listen");
  int caller = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(caller, raw, size) != 0) throw std::runtime_error("connect");
  int answerer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  ::close(listener);
  return {caller, answerer};
}

inline std::size_t open_files() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

inline PacketBytes packet_of(const std::string& text) { return {text.begin(), text.end()}; }

/// A node's wire. Notes what its handlers are told, and whether it was in the order that they are promised.
class WireEnd {
 public:
  explicit WireEnd(const PeerWireOptions& options = {}) {
    PeerWireHandlers handlers;
    handlers.up = [this](std::uint64_t connection) { note_up(connection); };
    handlers.packet = [this](std::uint64_t connection, PacketBytes packet) { note_packet(connection, std::move(packet)); };
    handlers.down = [this](std::uint64_t connection, const Status& why) { note_down(connection, why); };
    wire_ = PeerWire::start(options, std::move(handlers));
  }
  ~WireEnd() { stop(); }

  PeerWire* operator->() { return wire_.get(); }
  void stop() { wire_.reset(); }

  /// Called with each packet, on the middleman's thread. Set before any comes.
  std::function<void(std::uint64_t connection, const PacketBytes& packet)> on_packet;
  std::function<void(std::uint64_t connection)> on_up;

  bool comes_up(std::uint64_t connection) {
    return wait([&] { return history_[connection].ups == 1; });
  }
  /// Why, or nothing if it does not go down.
  std::optional<Status> goes_down(std::uint64_t connection) {
    if (!wait([&] { return history_[connection].why.has_value(); })) return std::nullopt;
    std::lock_guard lock(mutex_);
    return history_[connection].why;
  }
  bool gets(std::uint64_t connection, std::size_t packets) {
    return wait([&] { return history_[connection].packets == packets; });
  }
  bool is_up(std::uint64_t connection) {
    std::lock_guard lock(mutex_);
    return history_[connection].ups == 1 && !history_[connection].why;
  }
  std::size_t packets(std::uint64_t connection) {
    std::lock_guard lock(mutex_);
    return history_[connection].packets;
  }
  std::size_t downs() {
    std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (auto& [connection, history] : history_) count += history.why ? 1 : 0;
    return count;
  }
  PacketBytes last_packet(std::uint64_t connection) {
    std::lock_guard lock(mutex_);
    return history_[connection].last;
  }
  /// Empty if up came first and once, then packets, then down, once.
  std::string disorder() {
    std::lock_guard lock(mutex_);
    return disorder_;
  }

 private:
  struct History {
    int ups = 0;
    std::size_t packets = 0;
    PacketBytes last;
    std::optional<Status> why;
  };

  void note_up(std::uint64_t connection) {
    {
      std::lock_guard lock(mutex_);
      History& history = history_[connection];
      if (++history.ups > 1) disorder_ += "a second up; ";
      if (history.why) disorder_ += "up behind down; ";
    }
    changed_.notify_all();
    if (on_up) on_up(connection);
  }
  void note_packet(std::uint64_t connection, PacketBytes packet) {
    if (on_packet) on_packet(connection, packet);
    {
      std::lock_guard lock(mutex_);
      History& history = history_[connection];
      if (history.ups == 0) disorder_ += "a packet before up; ";
      if (history.why) disorder_ += "a packet behind down; ";
      ++history.packets;
      history.last = std::move(packet);
    }
    changed_.notify_all();
  }
  void note_down(std::uint64_t connection, const Status& why) {
    {
      std::lock_guard lock(mutex_);
      History& history = history_[connection];
      if (history.why) disorder_ += "a second down; ";
      if (why.ok() || why.message().empty()) disorder_ += "down without a reason; ";
      history.why = why;
    }
    changed_.notify_all();
  }
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, longest_wait, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, History> history_;
  std::string disorder_;
  std::unique_ptr<PeerWire> wire_;  // goes first: its handlers use the rest
};

/// Gives both ends a connection; `caller` is the one that called.
inline void connect(WireEnd& caller, WireEnd& called, std::uint64_t connection, SocketPair sockets) {
  caller->adopt(sockets.first, connection, true);
  called->adopt(sockets.second, connection, false);
}

/// A network between two ends: what comes from one goes to the other, until it is cut, and then neither notices.
class Relay {
 public:
  /// `change` may alter what goes from the first to the second.
  explicit Relay(std::function<void(char*, std::size_t)> change = {}) : change_(std::move(change)) {
    std::tie(first, near_first_) = unix_pair();
    std::tie(second, near_second_) = unix_pair();
    thread_ = std::thread([this] { run(); });
  }
  ~Relay() {
    cut();
    ::close(near_first_);
    ::close(near_second_);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  void cut() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  /// After the cut: as if the first had written it.
  void write_to_second(const std::string& bytes) const {
    (void)::send(near_second_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  int first = -1;  // the ends' sockets, to be adopted
  int second = -1;

 private:
  void run() {
    while (!stop_) {
      pollfd polled[] = {{near_first_, POLLIN, 0}, {near_second_, POLLIN, 0}};
      ::poll(polled, 2, 5);
      if ((polled[0].revents != 0 && !pass(near_first_, near_second_, true)) ||
          (polled[1].revents != 0 && !pass(near_second_, near_first_, false)))
        break;
    }
    if (stop_) return;
    ::shutdown(near_first_, SHUT_RDWR);  // one of them is gone: the other sees it
    ::shutdown(near_second_, SHUT_RDWR);
  }
  bool pass(int from, int to, bool forth) {
    char buffer[65'536];
    const ssize_t got = ::recv(from, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    if (forth && change_) change_(buffer, static_cast<std::size_t>(got));
    for (ssize_t sent = 0; sent < got;) {
      pollfd polled{to, POLLOUT, 0};
      if (::poll(&polled, 1, 5) == 0 && stop_) return true;
      const ssize_t wrote = ::send(to, buffer + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (wrote < 0 && errno != EAGAIN) return false;
      if (wrote > 0) sent += wrote;
    }
    return true;
  }

  std::function<void(char*, std::size_t)> change_;
  int near_first_ = -1;
  int near_second_ = -1;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace engram::test
