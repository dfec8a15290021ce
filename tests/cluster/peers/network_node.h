#pragma once
// Nodes for tests of PeerNetwork: a network each, and what happened to it.

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster/peers/network.h"
#include "tests/support/wait.h"

namespace engram::test {

inline Id128 id_of(std::uint8_t byte) {
  Id128 id;
  id.bytes.fill(byte);
  return id;
}

/// A non-blocking socket of a test.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int fd() const { return fd_; }

  void send(const std::string& bytes) const {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      wait_for(POLLOUT);
      ssize_t took = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (took < 0 && errno != EAGAIN) throw std::runtime_error("the other end is gone");
      if (took > 0) sent += static_cast<std::size_t>(took);
    }
  }
  /// So many bytes, or fewer if the other end has closed.
  [[nodiscard]] std::string receive(std::size_t size) const {
    std::string got(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      wait_for(POLLIN);
      ssize_t took = ::recv(fd_, got.data() + have, size - have, 0);
      if (took < 0 && errno == EAGAIN) continue;
      if (took <= 0) break;
      have += static_cast<std::size_t>(took);
    }
    got.resize(have);
    return got;
  }
  [[nodiscard]] bool at_end() const { return receive(1).empty(); }

 private:
  void wait_for(short what) const {
    pollfd poll{fd_, what, 0};
    if (::poll(&poll, 1, longest_wait_ms) <= 0) throw std::runtime_error("nothing happens on a socket");
  }
  int fd_;
};

class Node {
 public:
  struct Refusal {
    std::uint32_t ordinal;
    bool by_peer;
    Status status;
  };
  using Change = std::function<void(PeerNetworkOptions& options, Introduction& self)>;

  /// Listens on a free port, unless `change` says otherwise.
  explicit Node(std::uint32_t ordinal, std::vector<std::string> addresses = {}, const Change& change = {}) {
    Id128 disk_id = id_of(static_cast<std::uint8_t>(10 + ordinal));
    Introduction self{id_of(1), disk_id, "engram", ordinal, 3, 16, 1, "0.1.0", {1, 7}};
    PeerNetworkOptions options;
    options.ordinal = ordinal;
    options.listen = "127.0.0.1:0";
    options.addresses = std::move(addresses);
    options.shortest_pause_ms = 5;
    options.longest_pause_ms = 50;
    options.judge = [](const Introduction&) { return Status(); };
    if (change) change(options, self);
    options.introduce = [self] { return self; };
    options.connected = [this](PeerSocket socket) { note([&] { connections_.push_back(std::move(socket)); }); };
    options.refused = [this](std::uint32_t peer, bool by_peer, const Status& status) {
      note([&] { refusals_.push_back({peer, by_peer, status}); });
    };
    auto started = PeerNetwork::start(std::move(options), clock_, random_);
    if (!started.ok()) throw std::runtime_error(started.status().message());
    network_ = std::move(started).value();
  }
  ~Node() {
    network_.reset();
    for (const PeerSocket& socket : connections_) ::close(socket.fd);
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  PeerNetwork& network() { return *network_; }
  [[nodiscard]] std::string address() const { return network_->address(); }
  [[nodiscard]] std::uint16_t port() const {
    std::string text = address();
    return static_cast<std::uint16_t>(std::stoul(text.substr(text.rfind(':') + 1)));
  }

  /// The next connection.
  PeerSocket connection() { return next(connections_, "no connection"); }
  Refusal refusal() { return next(refusals_, "no refusal"); }
  [[nodiscard]] bool has_connection() { return within([&] { return !connections_.empty(); }, std::chrono::seconds(0)); }
  /// Waits until the last call of a peer has failed for a reason that contains `text`, and tells the whole of it.
  std::string failure(std::uint32_t ordinal, const std::string& text = ":") {
    std::string message;
    auto end = std::chrono::steady_clock::now() + longest_wait;
    std::unique_lock lock(mutex_);
    while (std::chrono::steady_clock::now() < end) {
      message = network_->last_failure(ordinal).message();
      if (message.find(text) != std::string::npos) return message;
      changed_.wait_for(lock, std::chrono::milliseconds(5));
    }
    return "instead: " + message;
  }
  /// Waits until no call of a peer counts as failed.
  bool forgets_failure(std::uint32_t ordinal) {
    return comes_true([&] { return network_->last_failure(ordinal).ok(); });
  }

 private:
  void note(const std::function<void()>& change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  bool within(const std::function<bool()>& condition, std::chrono::seconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, condition);
  }
  template <typename T>
  T next(std::deque<T>& queue, const char* complaint) {
    if (!within([&] { return !queue.empty(); }, longest_wait)) throw std::runtime_error(complaint);
    std::lock_guard lock(mutex_);
    T first = std::move(queue.front());
    queue.pop_front();
    return first;
  }

  SystemClock clock_;
  SystemRandom random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<PeerSocket> connections_;
  std::deque<Refusal> refusals_;
  std::unique_ptr<PeerNetwork> network_;
};

/// A connection of two nodes, both ends.
struct Pair {
  PeerSocket answering_end, calling_end;
  Socket answering, calling;
};
inline Pair connect(Node& caller, std::uint32_t ordinal, Node& answering) {
  caller.network().call(ordinal);
  PeerSocket theirs = answering.connection(), ours = caller.connection();
  return {theirs, ours, Socket(theirs.fd), Socket(ours.fd)};
}

/// Bytes that show if some are lost, doubled or swapped.
inline std::string pattern(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  std::uint32_t state = seed * 2654435761u + 1;
  for (char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

}  // namespace engram::test
