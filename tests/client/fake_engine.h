#pragma once
// A test double of an engine, on a real loopback socket: a small graph, a session table as the real one has, and a script
// of what goes wrong. It lives on the event loop that it is given.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <kj/async-io.h>

#include "client/engram/client.h"
#include "schema/client.capnp.h"

namespace engram::client {

/// What the fake does with the next submit, get or page.
struct Mishap {
  enum Kind {
    none,
    drop_before,   // the connection is cut before anything is applied
    drop_after,    // ... after it was applied, before the reply
    answer,        // refused with `code`, not applied
    silence,       // never answered; the engine lives, and answers others
    freeze,        // ... and nothing else on the connections that there are
    late,          // applied at once, answered after `late_ms`
    pings,         // answered when the engine was pinged three times more
  };
  Kind kind = none;
  schema::ErrorCode code = schema::ErrorCode::NONE;
  const char* field = "";
};

struct Submitted {
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  std::uint64_t first_incomplete = 0;
  std::size_t bytes = 0;
  std::size_t segments = 0;
};

struct FakeEngine {
  explicit FakeEngine(kj::AsyncIoContext& io, std::string token = "");
  ~FakeEngine();

  /// "127.0.0.1:port".
  [[nodiscard]] std::string address() const;
  /// Cuts every connection, and takes no new ones till `listen`.
  void stop();
  void listen();
  void cut_connections();
  /// The connections that there are stay, and are silent from now on, as those of a node that the network cut off.
  void freeze_connections();
  /// Those to come too, as those of a process that is stopped.
  void freeze();
  /// Connections to come take in 32 KiB in 10 ms.
  void slow_down();

  std::deque<Mishap> submit_mishaps;
  std::deque<Mishap> read_mishaps;
  std::vector<Submitted> submitted;   // in the order of arrival, retries included
  int applied = 0;                    // commands that changed the graph
  int connections = 0;
  int gets = 0;
  int pings = 0;
  ServerInfo map;                     // what it tells of its cluster: node, cluster_id, nodes, owners
  std::uint64_t default_space = 0;    // the id of the space "default"
  int late_ms = 0;
  int scan_cut_after_pages = 0;       // cut the connection behind so many pages, once
  int scan_return_after_pages = 0;    // return behind so many pages, without the sink's `done`, once
  bool read_only = false;
  std::uint32_t max_command_bytes = 4 * 1024 * 1024;
  std::map<std::string, std::vector<std::string>> vertices;             // key -> labels
  std::vector<std::tuple<std::string, std::string, std::string>> edges;

  // --- Used by the capabilities
  struct Impl;
  kj::Own<Impl> impl;
  std::string token;
  std::map<std::pair<std::uint64_t, std::uint64_t>, bool> session_table;
  std::map<std::uint64_t, std::uint64_t> session_floors;   // answers to the numbers below are forgotten
  void apply(schema::Command::Reader command, schema::Outcome::Builder outcome);
  kj::Promise<void> after_ms(int milliseconds);
  kj::Promise<void> after_pings(int until);
};

}  // namespace engram::client
