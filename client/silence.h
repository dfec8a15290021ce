#pragma once
// Tells a node that works on a long call from one that is gone without a word: its process is stopped, or the network has lost
// it.

#include <kj/async.h>
#include <kj/time.h>

#include "client/engram/connection.h"

namespace engram::client {

/// How long nothing has come on a connection on which an answer is waited for.
///
/// The age of a call says nothing: a traversal may take as long as its caller allows. So a quiet connection is asked by a ping,
/// which an engine of any version answers from its event loop, whatever its partitions are busy with. TCP alone cannot tell:
/// for a stopped process its kernel goes on acknowledging (keepalive, TCP_USER_TIMEOUT). And over a slow network a ping and
/// its answer wait behind large messages: any byte that comes is a sign of life, and so is one that was taken while more are
/// on their way.
///
/// Only time in which somebody waits counts, over several short calls if need be, and it is told in steps: when this thread
/// itself stood still, that is one step, and what has come meanwhile is looked at before the next.
class Silence {
 public:
  static constexpr int steps = 4;  // the first is free, the others are for the ping

  /// A wait begins. What came since the last one ended is no answer that was waited for, but it came.
  void begin(Connection& connection);
  /// `waited`, at most `step`, went by. True: `steps` of them in silence.
  bool look(Connection& connection, kj::Duration waited, kj::Duration step);

 private:
  void heard();

  std::uint64_t received_bytes_ = 0;
  kj::Maybe<std::uint64_t> taken_bytes_;
  kj::Duration quiet_ = 0 * kj::NANOSECONDS;
  kj::Maybe<kj::Promise<void>> ping_;
};

}  // namespace engram::client
