#pragma once
// A socket for tests that say what no client library would.

#include <cstring>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

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
