#include "cluster/gateway/listen_socket.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "storage/base/error_text.h"

namespace engram {
namespace {

constexpr int backlog = 1024;

Status socket_error(const std::string& where, int error) {
  std::string why = error == EADDRINUSE ? "the port is in use: stop the other process, or choose another port"
                                        : error_text(error);
  return {Code::unavailable, "Cannot listen on " + where + ": " + why + ".", "listen"};
}

std::string text_of_address(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    return Endpoint{host, ntohs(v4.sin_port)}.text();
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
    return Endpoint{host, ntohs(v6.sin6_port)}.text();
  }
  return "unix";
}

std::optional<SocketFile> file_at(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return std::nullopt;
  return SocketFile{info.st_dev, info.st_ino};
}

kj::AutoCloseFd new_unix_socket() { return kj::AutoCloseFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

/// Whether nobody listens at the socket any more. All but a refusal means somebody: EAGAIN that his backlog is full, EACCES
/// that he is another user.
bool is_abandoned(const sockaddr_un& address) {
  auto fd = new_unix_socket();
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return false;
  return errno == ECONNREFUSED || errno == ENOENT;
}

Status unix_in_use(const std::string& path) {
  return {Code::unavailable,
          "Cannot listen on " + path + ": the socket is in use. Stop the process that listens there, or set listen.unix to "
          "another path, or to \"none\".",
          "listen.unix"};
}

}  // namespace

Result<kj::AutoCloseFd> listen_tcp(Endpoint& endpoint, bool shared) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  std::string port = std::to_string(endpoint.port);
  int error = ::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0)
    return Status(Code::unavailable, "Cannot listen on " + endpoint.text() + ": " + ::gai_strerror(error) + ".",
                  "listen.address");
  kj::AutoCloseFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  bool failed = ::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd.get(), backlog) != 0;
  int why = errno;
  ::freeaddrinfo(found);
  if (failed) return socket_error(endpoint.text(), why);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  endpoint.port = ntohs(bound.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(bound).sin_port
                                                   : reinterpret_cast<sockaddr_in6&>(bound).sin6_port);
  return fd;
}

Result<UnixSocket> listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Status(Code::invalid_argument,
                  "The socket's path " + path + " is too long; set listen.unix to a shorter one, or to \"none\".",
                  "listen.unix", sizeof address.sun_path - 1);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode))
      return Status(Code::invalid_argument, path + " exists and is no socket; remove it, or set listen.unix elsewhere.",
                    "listen.unix");
    // The path may be that of an engine with another data directory.
    if (!is_abandoned(address)) return unix_in_use(path);
    ::unlink(path.c_str());
  }
  auto fd = new_unix_socket();
  mode_t before = ::umask(0177);
  bool failed = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0;
  int why = errno;
  ::umask(before);
  if (failed && why == EADDRINUSE) return unix_in_use(path);  // somebody was faster
  if (failed) return socket_error(path, why);
  auto file = file_at(path);
  if (::listen(fd.get(), backlog) != 0) return socket_error(path, errno);
  return UnixSocket{kj::mv(fd), file.value_or(SocketFile{})};
}

void remove_unix(const std::string& path, const SocketFile& file) {
  if (file_at(path) == file) ::unlink(path.c_str());
}

std::string peer_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "gone";
  return text_of_address(address);
}

}  // namespace engram
