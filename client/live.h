#pragma once
// A connection that is ready for calls.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <kj/async-io.h>

#include "client/engram/connection.h"
#include "client/silence.h"

namespace engram::client {

inline kj::TimePoint now() { return kj::systemPreciseMonotonicClock().now(); }

/// Its number tells it from those before it, whichever node they were to.
struct Live {
  std::string address;
  kj::Own<Connection> connection;
  schema::Session::Client session;
  kj::Maybe<OpenSpace> space;   // null: Options::space is empty
  kj::Maybe<schema::Admin::Client> admin;
  ServerInfo server;            // as it said when it was connected
  std::uint64_t generation = 0;
  Silence silence = {};

  [[nodiscard]] std::optional<SpaceId> space_id() const {
    KJ_IF_MAYBE (open, space) return open->info.id;
    return std::nullopt;
  }
};
using Greeted = Result<std::unique_ptr<Live>>;

/// Connects, authenticates and opens the space, if `options` names one. A Status for what trying again cannot heal, or what the
/// engine answered; rejected if nobody answers.
kj::Promise<Greeted> greet(kj::AsyncIoProvider& provider, const std::string& server, const Options& options);

}  // namespace engram::client
