#pragma once
// What each capability needs to answer calls: who calls, what they may, and the bookkeeping that every call has.

#include "actors/partition/core/outcome.h"
#include "cluster/gateway/connection.h"
#include "cluster/gateway/query_run.h"

namespace engram {

/// The rights of one session: fixed when it authenticated, checked with every call, since a token may be revoked.
class SessionRights : public kj::Refcounted {
 public:
  SessionRights(kj::Own<ConnectionState> connection, Grant grant, bool open_mode)
      : connection_(kj::mv(connection)), grant_(std::move(grant)), open_mode_(open_mode) {
    connection_->services.metrics->connections.sessions.add(1);
  }
  ~SessionRights() noexcept(false) { connection_->services.metrics->connections.sessions.add(-1); }

  [[nodiscard]] ConnectionState& connection() { return *connection_; }
  [[nodiscard]] const Grant& grant() const { return grant_; }
  /// Admits a call, or says why not. What it admits has to be ended with `leave`.
  Status admit();
  void leave() { connection_->leave(); }

 private:
  kj::Own<ConnectionState> connection_;
  Grant grant_;
  bool open_mode_;
};

/// Counts one call: in flight while it lives, in the metrics when it ends.
class CallScope {
 public:
  CallScope(kj::Own<SessionRights> rights, Operation operation);
  CallScope(CallScope&&) = default;
  ~CallScope() noexcept(false);

  [[nodiscard]] const Status& status() const { return status_; }  // why it was not admitted
  void ended(Code code) { code_ = code; }
  [[nodiscard]] RequestNumber number() const { return number_; }
  SessionRights& rights() { return *rights_; }

 private:
  kj::Own<SessionRights> rights_;
  Operation operation_;
  std::int64_t started_ns_;
  RequestNumber number_;
  Status status_;
  Code code_ = Code::cancelled;
};

schema::Session::Client make_session(kj::Own<SessionRights> rights);
schema::Reader::Client make_reader(kj::Own<SessionRights> rights, const SpaceRoute& space);
schema::Writer::Client make_writer(kj::Own<SessionRights> rights, const SpaceRoute& space);
schema::Admin::Client make_admin(kj::Own<SessionRights> rights);

/// The monotonic time at which a call that asked for `timeout_ms` (0: the default) has to be answered.
std::int64_t deadline_of(const Clock& clock, std::uint32_t timeout_ms, std::uint32_t default_ms = 5000);

/// Sends a checked command to its partition and fills the outcome.
kj::Promise<void> submit_command(SessionRights& rights, const SpaceRoute& space, CommandBytes command,
                                 std::uint32_t timeout_ms, std::function<schema::Outcome::Builder()> outcome,
                                 CallScope& scope);

}  // namespace engram
