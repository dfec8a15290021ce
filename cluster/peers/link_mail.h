#pragma once
// Mail as what a link keeps and sends, and back.

#include <cstdint>
#include <memory>
#include <vector>

#include "actors/messages/mail.h"
#include "cluster/peers/link.h"
#include "cluster/peers/link_assembly.h"

namespace engram {

/// A message for the peer. What is not said to be under the link's lock does not change while it is kept.
struct Outgoing {
  MessageHead head;
  kj::Array<capnp::word> words;  // of a request or an answer
  CommandBytes command;          // of all else
  std::int64_t deadline_ns = 0;  // monotonic; 0: none
  std::int64_t give_up_ns = 0;   // of what asks and has no deadline
  bool repeatable = true;        // a command without a session could take effect twice

  // Under the link's lock.
  ReplyPortPtr port;
  std::uint64_t order = 0;   // among what asks, over all connections
  std::uint64_t number = 0;  // on this connection; 0: not begun
  std::size_t sent_bytes = 0;
  bool sent_before = false;  // on an earlier connection
  bool over = false;         // answered or let go

  [[nodiscard]] Bytes bytes() const {
    if (command) return command.bytes();
    return {reinterpret_cast<const std::byte*>(words.begin()), words.size() * sizeof(capnp::word)};
  }
  /// What it counts in the budget: many small messages take more than their bytes.
  [[nodiscard]] std::size_t kept_bytes() const { return head.size_bytes + 256; }
};
using OutgoingPtr = std::shared_ptr<Outgoing>;

/// RequestMail, SubmitMail or PeerCommandMail; null for mail that does not leave its node.
OutgoingPtr outgoing_mail(PartitionId to, Mail mail, std::int64_t now_ns, std::int64_t longest_wait_ns);
/// An answer to the peer's message `question`; one that is larger than a peer would take becomes an error.
OutgoingPtr outgoing_answer(PartitionId from, std::uint64_t question, Frame answer, std::size_t max_message_bytes);

/// A message whose answer will not come: its port is answered with an error, or let go if `status` is ok.
struct Settled {
  MessageKind kind = MessageKind::question;
  ReplyPortPtr port;
  Status status;
};
using SettledList = std::vector<Settled>;
/// Calls the ports and lets go of them; never under a lock.
void settle(SettledList& settled);

/// An error as whoever sent such a message reads it: an Answer with `error`, or with an Outcome if it was a command.
Frame refusal(MessageKind kind, const Status& status);

/// A message of the peer that was found to be sound.
struct Incoming {
  std::uint64_t number = 0;
  MessageHead head;
  std::int64_t deadline_ns = 0;
  Frame frame;           // of a question, a notice, an answer
  CommandBytes command;  // of a submission, a command
};
/// Errors: internal (its bytes are no message of its kind, or no partition has to do with such a one).
Result<Incoming> read_message(WholeMessage message, std::uint32_t partitions);

}  // namespace engram
