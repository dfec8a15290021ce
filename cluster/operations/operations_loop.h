#pragma once
// What the operations server does on its thread: all its connections, by `poll`.

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

#include <poll.h>

#include "cluster/operations/document_thread.h"
#include "cluster/operations/http_exchange.h"

namespace engram {

/// `run` is for one thread, `end` for any other. Slow clients cost a place of `max_connections` until their time is over, and
/// a new connection that finds no place takes that of the oldest that is not waiting for an answer.
class OperationsLoop {
 public:
  struct Routes {
    std::map<std::string, std::function<HttpAnswer()>, std::less<>> probes;     // made on the spot: they must not block
    std::map<std::string, std::function<HttpAnswer()>, std::less<>> documents;  // made on a thread of their own
  };

  /// `waker`: an eventfd.
  OperationsLoop(Descriptor listener, Descriptor waker, Routes routes, std::size_t max_connections);

  /// Serves until `end`; then what is being answered is, for a moment.
  void run();
  void end();

 private:
  struct Connection {
    std::uint64_t number;
    HttpExchange exchange;
  };

  void wait(std::int64_t now_ms);
  [[nodiscard]] bool accepts(std::int64_t now_ms) const;
  void accept_waiting(std::int64_t now_ms);
  void make_room();
  void proceed(Connection& connection, std::int64_t now_ms);
  void route(Connection& connection, std::int64_t now_ms);
  void deliver_documents(std::int64_t now_ms);
  void drop_all_but_answering();
  void wake();

  const Descriptor listener_;
  const Descriptor wake_;
  const Routes routes_;
  const std::size_t max_connections_;
  std::atomic<bool> ending_{false};
  std::list<Connection> connections_;  // the oldest first
  std::uint64_t last_number_ = 0;
  std::vector<pollfd> polled_;
  std::int64_t accept_again_ms_ = 0;
  bool accept_fails_ = false;  // and it has been said
  DocumentThread documents_;   // the last: it uses `wake_`
};

}  // namespace engram
