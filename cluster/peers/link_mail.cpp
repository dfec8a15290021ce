#include "cluster/peers/link_mail.h"

#include <cstring>

#include "actors/partition/core/outcome.h"
#include "actors/partition/core/partition_core.h"
#include "schema/peer.capnp.h"

namespace engram {
namespace {

struct ToOutgoing {
  Outgoing& out;

  bool operator()(RequestMail mail) const {
    out.head.kind = mail.port != nullptr ? MessageKind::question : MessageKind::notice;
    out.head.from = mail.from;
    out.head.request = mail.request_number.value;
    out.deadline_ns = mail.deadline_ns != 0 ? mail.deadline_ns : mail.request.read<schema::Request>().getDeadlineNs();
    out.words = mail.request.bytes<schema::Request>();
    out.port = std::move(mail.port);
    return true;
  }
  bool operator()(SubmitMail mail) const {
    out.head.kind = MessageKind::submission;
    out.head.request = mail.request_number.value;
    out.deadline_ns = mail.deadline_ns;
    out.repeatable = CommandView(mail.command).root().getSession() != 0;
    out.command = std::move(mail.command);
    out.port = std::move(mail.port);
    return true;
  }
  bool operator()(PeerCommandMail mail) const {
    out.head.kind = MessageKind::command;
    out.head.request = mail.request_number.value;
    out.command = std::move(mail.command);
    return true;
  }
  template <typename Other>
  bool operator()(Other) const {
    return false;
  }
};

/// Every pointer has to lead to where something is, so that no reader comes upon one that does not; and no place may be led
/// to by many, so that reading a message takes no more steps than it has words.
void check_pointers(kj::ArrayPtr<const capnp::word> words) {
  capnp::FlatArrayMessageReader reader(words, {.traversalLimitInWords = 2 * words.size() + 64, .nestingLimit = 64});
  (void)reader.getRoot<capnp::AnyPointer>().targetSize();
}

/// A command is logged as it is: one segment, and nothing behind it.
bool is_one_segment(kj::ArrayPtr<const capnp::word> words) {
  std::uint32_t framing[2] = {};
  std::memcpy(framing, words.begin(), sizeof framing);
  return framing[0] == 0 && framing[1] == words.size() - 1;
}

Status read_request(MessageKind kind, Frame& frame) {
  auto which = frame.read<schema::Request>().which();
  bool needs_no_answer = which == schema::Request::VOTE || which == schema::Request::ACKNOWLEDGE ||
                         which == schema::Request::ASK_OUTCOME;
  if (kind == MessageKind::notice && !needs_no_answer) return malformed("a question that it wants no answer to");
  return {};
}

Status read_command(MessageKind kind, const CommandBytes& command) {
  auto which = CommandView(command).root().which();
  bool fits = kind == MessageKind::submission ? which <= schema::Command::DROP_INDEX
                                              : which == schema::Command::PREPARE || which == schema::Command::DECIDE;
  return fits ? Status() : malformed("a command of a kind that nodes do not send each other");
}

Status read_payload(MessageKind kind, kj::Array<capnp::word> words, Incoming& read) {
  check_pointers(words);
  switch (kind) {
    case MessageKind::question:
    case MessageKind::notice:
      read.frame = Frame::received(kj::mv(words));
      return read_request(kind, read.frame);
    case MessageKind::answer:
      read.frame = Frame::received(kj::mv(words));
      (void)read.frame.read<schema::Answer>();
      return {};
    case MessageKind::submission:
    case MessageKind::command:
      if (!is_one_segment(words)) return malformed("a command that is not one segment");
      read.command = CommandBytes(kj::mv(words));
      return read_command(kind, read.command);
  }
  return malformed("a message of an unknown kind");
}

}  // namespace

OutgoingPtr outgoing_mail(PartitionId to, Mail mail, std::int64_t now_ns, std::int64_t longest_wait_ns) {
  auto out = std::make_shared<Outgoing>();
  out->head.to = to;
  if (!std::visit(ToOutgoing{*out}, std::move(mail))) return nullptr;
  out->head.size_bytes = out->bytes().size();
  out->give_up_ns = now_ns + longest_wait_ns;
  return out;
}

OutgoingPtr outgoing_answer(PartitionId from, std::uint64_t question, Frame answer, std::size_t max_message_bytes) {
  auto out = std::make_shared<Outgoing>();
  out->head.kind = MessageKind::answer;
  out->head.to = from;
  out->head.answers = question;
  out->words = answer.bytes<schema::Answer>();
  if (out->bytes().size() > max_message_bytes)
    out->words = refusal(MessageKind::question, {Code::too_large,
                                                 "The answer is larger than what nodes may send each other. Ask for less "
                                                 "at a time.",
                                                 "", max_message_bytes})
                     .bytes<schema::Answer>();
  out->head.size_bytes = out->bytes().size();
  return out;
}

void settle(SettledList& settled) {
  for (Settled& one : settled)
    if (one.port != nullptr && !one.status.ok()) one.port->reply(refusal(one.kind, one.status));
  settled.clear();
}

Frame refusal(MessageKind kind, const Status& status) {
  return Frame::build<schema::Answer>([&](schema::Answer::Builder out) {
    write_error(status, kind == MessageKind::submission ? out.initOutcome().initError() : out.initError());
  });
}

Result<Incoming> read_message(WholeMessage message, std::uint32_t partitions) {
  if (message.head.to.value >= partitions || message.head.from.value >= partitions)
    return malformed("a message with a partition that the cluster does not have");
  Incoming read;
  read.number = message.number;
  read.head = message.head;
  read.deadline_ns = message.deadline_ns;
  try {
    if (Status status = read_payload(message.head.kind, kj::mv(message.words), read); !status.ok()) return status;
  } catch (const kj::Exception& error) {
    return malformed(std::string("a message that cannot be read (") + error.getDescription().cStr() + ")");
  }
  return read;
}

}  // namespace engram
