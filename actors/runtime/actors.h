#pragma once
// The map of all arrows: every actor of the engine, and the messages that it takes.
//
//   partition   MailPtr            everything that concerns a partition (actors/messages/mail.h)
//   log         wake_atom          records are waiting in the log's inbox
//               ReleasePtr         a warm store has everything up to an LSN
//   query desk  StartPtr           a read over several partitions begins
//               AnswerPtr          a partition's answer to one of its questions
//
// All of them are local: the types are not serialised. What may travel between nodes one day is inside, as Frames and
// CommandBytes.

#include <memory>

#include <caf/all.hpp>

#include "actors/messages/mail.h"

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
