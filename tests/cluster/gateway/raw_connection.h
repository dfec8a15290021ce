#pragma once
// A socket for tests that say what no client library would.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/wait.h"

namespace engram::test {

class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port, int receive_buffer_bytes = 0) : RawConnection() {
    if (receive_buffer_bytes > 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    connect(port);
  }
  /// A socket that is not connected yet.
  RawConnection() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  void connect(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) throw std::runtime_error("cannot connect");
  }
  ~RawConnection() { ::close(fd_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  /// False if the other side has closed.
  bool send(const std::string& bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  /// What the socket takes without waiting for the other side for longer than `patience_ms`.
  std::size_t send_some(const std::string& bytes, int patience_ms) {
    pollfd poll{fd_, POLLOUT, 0};
    if (::poll(&poll, 1, patience_ms) <= 0) return 0;
    ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  /// What the other side says until it closes, or for so long.
  std::string heard_within(int timeout_ms) {
    std::string heard;
    char buffer[4096];
    while (true) {
      pollfd poll{fd_, POLLIN, 0};
      if (::poll(&poll, 1, timeout_ms) <= 0) return heard;
      ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return heard;
      heard.append(buffer, static_cast<std::size_t>(got));
    }
  }
  /// There are bytes to hear, or it has closed.
  [[nodiscard]] bool has_something_to_say() const {
    pollfd poll{fd_, POLLIN, 0};
    return ::poll(&poll, 1, 0) > 0;
  }
  /// So many bytes, or fewer if the other side has closed, or is silent for minutes.
  std::string hear(std::size_t size) {
    std::string heard(size, '\0');
    std::size_t have = 0;
    for (ssize_t got = 1; have < size && got > 0; have += static_cast<std::size_t>(std::max<ssize_t>(got, 0))) {
      pollfd poll{fd_, POLLIN, 0};
      got = ::poll(&poll, 1, longest_wait_ms) <= 0 ? 0 : ::recv(fd_, heard.data() + have, size - have, 0);
    }
    heard.resize(have);
    return heard;
  }
  /// A message of Cap'n Proto with its framing, if it has one segment; throws if there is none.
  std::string hear_message() {
    std::string message = hear(2 * sizeof(std::uint32_t));
    std::uint32_t numbers[2] = {1, 0};  // of segments, less one, and of words in the first
    std::memcpy(numbers, message.data(), message.size());
    message += hear(std::size_t{8} * numbers[1]);
    if (numbers[0] != 0 || message.size() != 8 + std::size_t{8} * numbers[1]) throw std::runtime_error("no whole message");
    return message;
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

  /// Whether the other side ends the connection in time. What it still says is thrown away.
  bool is_closed_within(int timeout_ms) {
    char buffer[4096];
    while (true) {
      pollfd poll{fd_, POLLIN, 0};
      if (::poll(&poll, 1, timeout_ms) <= 0) return false;
      if (::recv(fd_, buffer, sizeof buffer, 0) <= 0) return true;
    }
  }

 private:
  int fd_;
};

}  // namespace engram::test
