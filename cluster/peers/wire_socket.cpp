#include "cluster/peers/wire_socket.h"

#include <sys/socket.h>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>

namespace engram {
namespace {

Status handshake_refused() {
  return {Code::unsupported, "The actor systems of the two nodes do not know each other's protocol, or both ends are in one "
                             "of them: do both nodes run versions of engram that know each other?"};
}

}  // namespace

bool WireSocket::is_stream() const {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(stream_.fd(), SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

void WireSocket::guard(caf::actor_system& system, std::uint64_t receiver) {
  gate_.emplace(system, connection_->called, receiver, connection_->options.max_packet_bytes);
}

bool WireSocket::consume(caf::execution_unit* unit, const void* bytes, std::size_t size) {
  if (detached()) return false;
  auto broker = caf::actor_cast<caf::actor>(parent_);
  if (Status status = gate_->admit(static_cast<const char*>(bytes), size); !status.ok()) {
    ask_to_end(broker, status);
    return false;  // nothing more is read
  }
  connection_->heard_at = unit->system().clock().now();
  const bool more = scribe_impl::consume(unit, bytes, size);
  if (!detached()) return more;
  ask_to_end(broker, handshake_refused());  // unless it has ended for another reason: then nobody hears this
  return false;
}

void WireSocket::flush() {
  if (detached() || wr_buf().empty()) return;  // CAF flushes after every header and message that it has read
  if (!loop_writes_) write_now();
  if (wr_buf().empty()) return;
  loop_writes_ = true;
  stream_.ack_writes(true);  // calls data_transferred
  scribe_impl::flush();
}

/// What is left over, for whatever reason, is CAF's to write: it notices the same error.
void WireSocket::write_now() {
  std::vector<char>& bytes = wr_buf();
  const ssize_t written = ::send(stream_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (written > 0) bytes.erase(bytes.begin(), bytes.begin() + written);
}

void WireSocket::data_transferred(caf::execution_unit*, std::size_t, std::size_t remaining) {
  loop_writes_ = remaining != 0;
}

void WireSocket::graceful_shutdown() { detach(&stream_.backend(), false); }

void WireSocket::detach_from(caf::io::abstract_broker* broker) {
  using caf::io::network::operation;
  ::shutdown(stream_.fd(), SHUT_RDWR);
  stream_.backend().del(operation::write, stream_.fd(), &stream_);
  // The loop may hold events of this socket still, so it goes in the next round. And CAF does not let go of a socket that
  // began to read or to write in this one.
  stream_.backend().post([self = caf::intrusive_ptr<WireSocket>(this)] {
    self->stream_.removed_from_loop(operation::read);
    self->stream_.removed_from_loop(operation::write);
  });
  scribe_impl::detach_from(broker);
}

}  // namespace engram
