#include "tools/loadgen/floors.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/base/descriptor.h"
#include "storage/base/error_text.h"
#include "tools/loadgen/worker.h"

namespace engram::loadgen {

namespace {

Status system_error(const std::string& what) {
  return {Code::unavailable, "cannot measure the floor: " + what + ": " + error_text(errno)};
}

bool receive_all(int fd, char* buffer, std::size_t size) {
  for (std::size_t have = 0; have < size;) {
    ssize_t count = ::read(fd, buffer + have, size - have);
    if (count <= 0) return false;
    have += static_cast<std::size_t>(count);
  }
  return true;
}

bool send_all(int fd, const char* buffer, std::size_t size) {
  for (std::size_t sent = 0; sent < size;) {
    ssize_t count = ::send(fd, buffer + sent, size - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

/// The cores that this thread may run on, and back to them in the end.
class OwnCore {
 public:
  OwnCore() : known_(::sched_getaffinity(0, sizeof allowed_, &allowed_) == 0) {}
  ~OwnCore() {
    if (known_) ::sched_setaffinity(0, sizeof allowed_, &allowed_);
  }
  OwnCore(const OwnCore&) = delete;
  OwnCore& operator=(const OwnCore&) = delete;

  /// To the first or the second of them; where it wants to if there is one only.
  void take(int number) const {
    if (!known_ || CPU_COUNT(&allowed_) < 2) return;
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (!CPU_ISSET(core, &allowed_) || number-- > 0) continue;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(core, &one);
      ::sched_setaffinity(0, sizeof one, &one);
      return;
    }
  }

 private:
  cpu_set_t allowed_{};
  bool known_;
};

void set_no_delay(int fd) {
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// The child: answers until the other side is gone. No memory is taken after the fork.
[[noreturn]] void answer_forever(int listener, char* buffer, std::size_t request_bytes, std::size_t reply_bytes) {
  int fd = ::accept(listener, nullptr, nullptr);
  set_no_delay(fd);
  while (fd >= 0 && receive_all(fd, buffer, request_bytes) && send_all(fd, buffer, reply_bytes)) {
  }
  ::_exit(0);
}

struct Listener {
  Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};

  [[nodiscard]] bool listen() {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    return ::bind(socket.get(), any, size) == 0 && ::listen(socket.get(), 1) == 0 &&
           ::getsockname(socket.get(), any, &size) == 0;
  }
};

Result<Histogram> ping_pong(const sockaddr_in& address, std::size_t request_bytes, std::size_t reply_bytes,
                            double seconds) {
  Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return system_error("connect");
  set_no_delay(fd.get());
  std::vector<char> buffer(std::max(request_bytes, reply_bytes));
  Histogram histogram;
  std::int64_t begin = now_ns();
  std::int64_t warm = begin + static_cast<std::int64_t>(seconds * 1e8);  // a tenth
  std::int64_t end = begin + static_cast<std::int64_t>(seconds * 1e9);
  for (std::int64_t start = begin; start < end;) {
    if (!send_all(fd.get(), buffer.data(), request_bytes) || !receive_all(fd.get(), buffer.data(), reply_bytes)) {
      return system_error("a round trip");
    }
    std::int64_t now = now_ns();
    if (start >= warm) histogram.record(static_cast<std::uint64_t>(now - start));
    start = now;
  }
  return histogram;
}

constexpr std::size_t sync_file_bytes = 16 * 1024 * 1024;

Status write_whole_file(int fd) {
  std::vector<char> block(1024 * 1024, 'x');
  for (std::size_t at = 0; at < sync_file_bytes; at += block.size()) {
    if (::pwrite(fd, block.data(), block.size(), static_cast<off_t>(at)) != static_cast<ssize_t>(block.size())) {
      return system_error("writing a file of 16 MiB");
    }
  }
  if (::fsync(fd) != 0) return system_error("fsync");
  return {};
}

}  // namespace

Result<Histogram> measure_tcp_round_trip(std::size_t request_bytes, std::size_t reply_bytes, double seconds) {
  Listener listener;
  if (!listener.listen()) return system_error("listening on loopback");
  std::vector<char> buffer(std::max(request_bytes, reply_bytes));
  OwnCore cores;
  pid_t child = ::fork();
  if (child < 0) return system_error("fork");
  cores.take(child == 0 ? 1 : 0);
  if (child == 0) answer_forever(listener.socket.get(), buffer.data(), request_bytes, reply_bytes);
  auto measured = ping_pong(listener.address, request_bytes, reply_bytes, seconds);
  ::shutdown(listener.socket.get(), SHUT_RDWR);
  ::waitpid(child, nullptr, 0);
  return measured;
}

Result<Histogram> measure_sync(const std::string& folder, std::size_t bytes, double seconds) {
  std::string path = folder + "/engram-bench-XXXXXX";
  Descriptor fd(::mkostemp(path.data(), O_CLOEXEC));
  if (fd.get() < 0) return system_error("making a file in " + folder);
  ::unlink(path.c_str());
  if (auto status = write_whole_file(fd.get()); !status.ok()) return status;
  bytes = std::clamp<std::size_t>(bytes, 1, sync_file_bytes / 2);
  std::vector<char> block(bytes, 'y');
  Histogram histogram;
  std::int64_t end = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
  std::size_t at = 0;
  for (std::int64_t start = now_ns(); start < end;) {
    if (at + bytes > sync_file_bytes) at = 0;
    if (::pwrite(fd.get(), block.data(), bytes, static_cast<off_t>(at)) != static_cast<ssize_t>(bytes) ||
        ::fdatasync(fd.get()) != 0) {
      return system_error("write and fdatasync in " + folder);
    }
    at += bytes;
    std::int64_t now = now_ns();
    histogram.record(static_cast<std::uint64_t>(now - start));
    start = now;
  }
  return histogram;
}

}  // namespace engram::loadgen
