#pragma once
// A connection's socket in the middleman's loop.

#include <memory>
#include <optional>

#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/scribe_impl.hpp>

#include "cluster/peers/wire_connection.h"
#include "cluster/peers/wire_gate.h"

namespace engram {

/// CAF's, with a gate in front, and an end that does not wait: CAF keeps a socket until all is written, and so for ever if
/// the peer does not read. And it writes at once what the system takes at once, where CAF goes through its loop: two
/// changes of the set of events and a wait for each packet. Owns the descriptor from the start. CAF makes it non-blocking,
/// and sets TCP_NODELAY if it is TCP. Its parent is a broker that takes end_atom.
class WireSocket final : public caf::io::network::scribe_impl {
 public:
  WireSocket(caf::io::network::default_multiplexer& loop, int fd, std::shared_ptr<WireConnection> connection)
      : scribe_impl(loop, fd), connection_(std::move(connection)) {}

  /// An AF_INET, AF_INET6 or AF_UNIX stream: nothing else can be waited for here.
  [[nodiscard]] bool is_stream() const;
  /// Before anything is read. `receiver`: the id of the actor that packets are for.
  void guard(caf::actor_system& system, std::uint64_t receiver);

  bool consume(caf::execution_unit* unit, const void* bytes, std::size_t size) override;
  void flush() override;
  void data_transferred(caf::execution_unit* unit, std::size_t written, std::size_t remaining) override;
  void graceful_shutdown() override;

 protected:
  void detach_from(caf::io::abstract_broker* broker) override;

 private:
  void write_now();

  std::shared_ptr<WireConnection> connection_;
  std::optional<WireGate> gate_;
  bool loop_writes_ = false;  // the socket was full: CAF's loop writes until nothing is left, in its order
};

}  // namespace engram
