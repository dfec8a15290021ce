#pragma once
// The map of all arrows: every actor of the engine, and the messages that it takes.
//
//   partition   MailPtr            everything that concerns a partition (actors/messages/mail.h)
//   log         wake_atom          records are waiting in the log's inbox
//               ReleasePtr         a warm store has everything up to an LSN
//   peer        hello_atom         the node that called says which connection this is (actors/runtime/peer_actor.h)
//               vector<char>       a packet from the node at the other end of a connection
//
// A read over several partitions is no actor: it is a state machine that an event loop runs (actors/query/query.h).
//
// All but those of the peer are local: the types are not serialised. What travels between nodes is inside, as Frames and
// CommandBytes.

#include <memory>

#include <caf/all.hpp>

#include "actors/messages/mail.h"
#include "actors/runtime/peer_actor.h"

namespace engram {

using MailPtr = std::shared_ptr<Mail>;
using wake_atom = caf::atom_constant<caf::atom("wake")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;

/// What a partition has durably in its warm store.
struct Released {
  PartitionId partition;
  Lsn lsn;
};
using ReleasePtr = std::shared_ptr<Released>;

/// Gives an actor a message as if `unit`'s thread had sent it: an idle actor then runs there. Null: on a CAF worker.
template <typename Message>
void deliver(const caf::actor& to, Message message, caf::execution_unit* unit) {
  caf::actor_cast<caf::strong_actor_ptr>(to)->enqueue(
      caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::move(message)), unit);
}

}  // namespace engram

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(engram::MailPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(engram::ReleasePtr)
