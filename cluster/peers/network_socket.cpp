#include "cluster/peers/network_socket.h"

#include <cerrno>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "cluster/logging/logging.h"
#include "storage/base/error_text.h"

namespace engram {
namespace {

constexpr std::size_t pump_bytes = 32 << 10;

int fd_of(kj::AsyncIoStream& stream) {
  KJ_IF_MAYBE(fd, stream.getFd()) return *fd;
  return -1;
}

Status no_socket(int error) {
  return {Code::unavailable,
          "no socket is left to hand over: " + error_text(error) + "; raise the limit of open files (ulimit -n)"};
}

/// Reads and forgets, until the other end has closed.
kj::Promise<void> discard(kj::AsyncIoStream& stream, kj::ArrayPtr<kj::byte> buffer) {
  return stream.tryRead(buffer.begin(), 1, buffer.size()).then([&stream, buffer](std::size_t got) -> kj::Promise<void> {
    if (got == 0) return kj::READY_NOW;
    return discard(stream, buffer);
  });
}

/// One encrypted connection and its owner's socket. Streams of KJ fail by their promises or by throwing on the spot.
class Pump {
 public:
  Pump(kj::Own<kj::AsyncIoStream> encrypted, kj::Own<kj::AsyncIoStream> plain, kj::Timer& timer)
      : encrypted_(kj::mv(encrypted)), plain_(kj::mv(plain)), timer_(timer) {}

  ~Pump() {
    // A Unix socket that is closed with bytes unread resets the other end, which is to see an ordinary end.
    int fd = fd_of(*plain_);
    ::shutdown(fd, SHUT_RDWR);
    while (::recv(fd, outward_.begin(), outward_.size(), MSG_DONTWAIT) > 0) {
    }
  }

  kj::Promise<void> run() {
    auto outward = carry_out().then([this] {
      encrypted_->shutdownWrite();
      return timer_.afterDelay(parting_ms * kj::MILLISECONDS);  // the peer ends its side, and so `carry_in`, much earlier
    });
    // A peer that takes nothing holds `carry_out` up, which then does not see that the owner is gone.
    auto abandoned = plain_->whenWriteDisconnected().then([this] { return while_taken(); });
    return outward.exclusiveJoin(carry_in()).exclusiveJoin(kj::mv(abandoned));
  }

 private:
  kj::Promise<void> carry_out() {
    // A socket that its owner closes with bytes unread says "connection reset" instead of an end, behind all that was sent.
    auto read = kj::evalNow([this] { return plain_->tryRead(outward_.begin(), 1, outward_.size()); });
    return read.catch_([](kj::Exception&&) { return std::size_t{0}; }).then([this](std::size_t got) -> kj::Promise<void> {
      if (got == 0) return kj::READY_NOW;
      return encrypted_->write(outward_.begin(), got).then([this] {
        ++taken_;
        return carry_out();
      });
    });
  }

  /// Ends when the peer has taken nothing of what is left for a while.
  kj::Promise<void> while_taken() {
    return timer_.afterDelay(parting_ms * kj::MILLISECONDS).then([this, before = taken_]() -> kj::Promise<void> {
      if (taken_ == before) return kj::READY_NOW;
      return while_taken();
    });
  }

  kj::Promise<void> carry_in() {
    return encrypted_->tryRead(inward_.begin(), 1, inward_.size()).then([this](std::size_t got) -> kj::Promise<void> {
      if (got == 0) return kj::READY_NOW;
      if (owner_gone_) return carry_in();  // `carry_out` still has to bring out what the owner said
      return kj::evalNow([this, got] { return plain_->write(inward_.begin(), got); })
          .catch_([this](kj::Exception&&) { owner_gone_ = true; })
          .then([this] { return carry_in(); });
    });
  }

  kj::Own<kj::AsyncIoStream> encrypted_, plain_;
  kj::Timer& timer_;
  kj::Array<kj::byte> outward_ = kj::heapArray<kj::byte>(pump_bytes), inward_ = kj::heapArray<kj::byte>(pump_bytes);
  std::uint64_t taken_ = 0;  // buffers that went out
  bool owner_gone_ = false;
};

}  // namespace

void prepare_tcp(kj::AsyncIoStream& stream) {
  int fd = fd_of(stream);
  int on = 1, idle_s = 5, interval_s = 2, probes = 3;
  // Without it, what is sent to a node that the network cut off is repeated for a quarter of an hour.
  unsigned unacknowledged_ms = 5'000;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
}

kj::Promise<void> part(kj::AsyncIoStream& stream, kj::Timer& timer) {
  auto parting = kj::evalNow([&]() -> kj::Promise<void> {
    stream.shutdownWrite();
    auto buffer = kj::heapArray<kj::byte>(512);
    auto whole = buffer.asPtr();
    return discard(stream, whole).attach(kj::mv(buffer));
  });
  return timer.timeoutAfter(parting_ms * kj::MILLISECONDS, kj::mv(parting)).catch_([](kj::Exception&&) {});
}

Result<kj::AutoCloseFd> release_socket(kj::Own<kj::AsyncIoStream> stream) {
  kj::AutoCloseFd fd(::fcntl(fd_of(*stream), F_DUPFD_CLOEXEC, 0));
  if (fd.get() < 0) return no_socket(errno);
  return fd;
}

Result<kj::AutoCloseFd> NetworkPumps::attach(kj::Own<kj::AsyncIoStream> encrypted) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return no_socket(errno);
  kj::AutoCloseFd owners(ends[0]), ours(ends[1]);
  auto plain = io_.lowLevelProvider->wrapSocketFd(
      kj::mv(ours), kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK | kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC);
  auto pump = kj::heap<Pump>(kj::mv(encrypted), kj::mv(plain), io_.provider->getTimer());
  auto running = pump->run();
  pumps_.add(running.attach(kj::mv(pump)));
  return owners;
}

void NetworkPumps::taskFailed(kj::Exception&& exception) {
  // The connection is over, and its owner sees so.
  if (exception.getType() == kj::Exception::Type::DISCONNECTED) return;
  log_event(LogLevel::debug, "peer connection lost", {{"error", exception.getDescription().cStr()}});
}

}  // namespace engram
