#pragma once
// One change on its way: sent, and sent again with the same bytes until its fate is known or its deadline is there.

#include <functional>
#include <optional>

#include "client/client_impl.h"

namespace engram::client {

/// Makes the command's bytes for a sequence number: called for the first attempt, and again after a lost conflict.
using MakeCommand = std::function<EncodedCommand(const CommandHeader&)>;

enum class Channel { writer, admin };

/// Between start() and settle(), other tickets may be started: that is what a window of batches in flight is.
class Ticket {
 public:
  Ticket(Client::Impl& client, Channel channel, MakeCommand make_command, std::uint32_t timeout_ms,
         std::optional<VertexRef> about = std::nullopt);
  /// A ticket that was not settled leaves its number as one whose outcome is unknown.
  ~Ticket();
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  /// Takes a sequence number (or the given one, to ask again) and sends the command if there is a connection.
  void start(std::uint64_t sequence = 0);
  /// Waits for the outcome, reconnecting and sending again as it has to.
  Outcome settle();
  /// Sends again what was sent on a connection that is gone: a loader calls it for its whole window at once.
  void send_if_stale();
  /// Moves the deadline: for so long nobody ran the event loop, so that no answer could arrive.
  void postpone(kj::Duration away);
  [[nodiscard]] unsigned attempts() const { return attempts_; }

 private:
  void encode(std::uint64_t sequence);
  void send();
  Result<bool> prepare_admin();
  [[nodiscard]] bool fits() const;
  [[nodiscard]] Status too_large() const;
  kj::Maybe<Outcome> judge(Outcome answer);
  kj::Maybe<Outcome> judge(const CallError& error);
  [[nodiscard]] Outcome give_up(Status status);
  [[nodiscard]] Outcome finish(Fate fate, Outcome answer);

  Client::Impl& client_;
  Channel channel_;
  MakeCommand make_command_;
  std::optional<VertexRef> about_;  // what the command is decided by: its owner is the best one to send it to
  kj::TimePoint deadline_;
  Backoff backoff_;
  EncodedCommand command_;
  std::uint64_t sequence_ = 0;
  std::uint64_t generation_ = 0;
  unsigned attempts_ = 0;
  bool renewed_ = false;
  bool unsure_ = false;   // an attempt may have been executed without an answer
  bool finished_ = false;
  kj::Maybe<kj::Promise<Outcome>> answer_;
  Status last_;
};

}  // namespace engram::client
