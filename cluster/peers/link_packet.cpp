#include "cluster/peers/link_packet.h"

#include <cstring>

#include <capnp/message.h>
#include <capnp/serialize.h>

#include "schema/peer.capnp.h"

namespace engram {
namespace {

constexpr std::size_t word_bytes = sizeof(capnp::word);
// More than all of a packet but its payload takes; what is left over is cut off.
constexpr std::size_t envelope_words = 32;
constexpr std::size_t status_words = 24;
constexpr std::size_t words_per_partition = 5;

void write_kind(MessageKind kind, std::uint64_t answers, schema::PeerPart::Builder out) {
  switch (kind) {
    case MessageKind::question: return out.setQuestion();
    case MessageKind::notice: return out.setNotice();
    case MessageKind::submission: return out.setSubmission();
    case MessageKind::command: return out.setCommand();
    case MessageKind::answer: return out.setAnswer(answers);
  }
}

void write_part(const LinkPacket& packet, schema::PeerPart::Builder out) {
  out.setMessage(packet.message);
  out.setBytes({reinterpret_cast<const kj::byte*>(packet.bytes.data()), packet.bytes.size()});
  out.setMore(packet.more);
  const MessageHead& head = packet.head;
  if (head.size_bytes == 0) return;
  out.setSize(static_cast<std::uint32_t>(head.size_bytes));
  out.setTo(head.to.value);
  out.setFrom(head.from.value);
  out.setEpoch(head.epoch);
  out.setBudgetUs(head.budget_us);
  out.setRequest(head.request);
  write_kind(head.kind, head.answers, out);
}

Status read_kind(schema::PeerPart::Reader part, MessageHead& head) {
  switch (part.which()) {
    case schema::PeerPart::QUESTION: head.kind = MessageKind::question; return {};
    case schema::PeerPart::NOTICE: head.kind = MessageKind::notice; return {};
    case schema::PeerPart::SUBMISSION: head.kind = MessageKind::submission; return {};
    case schema::PeerPart::COMMAND: head.kind = MessageKind::command; return {};
    case schema::PeerPart::ANSWER:
      head.kind = MessageKind::answer;
      head.answers = part.getAnswer();
      return {};
  }
  return malformed("a message of an unknown kind");
}

Status read_part(schema::PeerPart::Reader part, LinkPacket& packet) {
  packet.kind = PacketKind::part;
  packet.message = part.getMessage();
  auto bytes = part.getBytes();
  packet.bytes = {reinterpret_cast<const std::byte*>(bytes.begin()), bytes.size()};
  packet.more = part.getMore();
  MessageHead& head = packet.head;
  head.size_bytes = part.getSize();
  head.to = {part.getTo()};
  head.from = {part.getFrom()};
  head.epoch = part.getEpoch();
  head.budget_us = part.getBudgetUs();
  head.request = part.getRequest();
  return read_kind(part, head);
}

Status read_root(schema::PeerPacket::Reader root, LinkPacket& packet) {
  packet.taken_bytes = root.getTaken();
  switch (root.which()) {
    case schema::PeerPacket::NONE: return {};
    case schema::PeerPacket::PART: return read_part(root.getPart(), packet);
    case schema::PeerPacket::CANCEL:
      packet.kind = PacketKind::cancel;
      packet.message = root.getCancel();
      return {};
    case schema::PeerPacket::DRAINING: packet.kind = PacketKind::draining; return {};
    case schema::PeerPacket::STATUS: {
      packet.kind = PacketKind::status;
      auto status = read(root.getStatus());
      if (status.ok()) packet.status = std::make_shared<const NodeStatus>(std::move(*status));
      return status.status();
    }
  }
  return malformed("a packet of an unknown kind");
}

}  // namespace

Status malformed(const std::string& what) {
  return {Code::internal, "The peer sent " + what +
                              ": one of the two nodes has a defect, or their versions do not fit together. The connection "
                              "is ended and made anew; if this comes again, compare the versions of both."};
}

// Written where it is sent from, behind its framing: the payload is copied once.
PacketBytes write_packet(const LinkPacket& packet) {
  std::size_t room_words = envelope_words + packet.bytes.size() / word_bytes + 1;
  if (packet.status != nullptr) room_words += status_words + words_per_partition * packet.status->partitions.size();
  PacketBytes out((1 + room_words) * word_bytes);
  capnp::FlatMessageBuilder message(
      kj::arrayPtr(reinterpret_cast<capnp::word*>(out.data() + word_bytes), room_words));
  auto root = message.initRoot<schema::PeerPacket>();
  root.setTaken(packet.taken_bytes);
  switch (packet.kind) {
    case PacketKind::none: root.setNone(); break;
    case PacketKind::part: write_part(packet, root.initPart()); break;
    case PacketKind::cancel: root.setCancel(packet.message); break;
    case PacketKind::draining: root.setDraining(); break;
    case PacketKind::status: write(*packet.status, root.initStatus()); break;
  }
  auto used_words = static_cast<std::uint32_t>(message.getSegmentsForOutput()[0].size());
  std::uint32_t framing[2] = {0, used_words};
  std::memcpy(out.data(), framing, sizeof framing);
  out.resize((1 + used_words) * word_bytes);
  return out;
}

Result<LinkPacket> read_packet(const PacketBytes& packet) {
  std::uint32_t framing[2] = {};
  if (packet.size() <= sizeof framing || packet.size() % word_bytes != 0) return malformed("a packet of no possible size");
  std::memcpy(framing, packet.data(), sizeof framing);
  // Looked at here, so that the library never follows what a peer says about segments.
  if (framing[0] != 0 || framing[1] != packet.size() / word_bytes - 1) return malformed("a packet with wrong framing");
  try {
    capnp::FlatArrayMessageReader reader(
        kj::arrayPtr(reinterpret_cast<const capnp::word*>(packet.data()), packet.size() / word_bytes));
    LinkPacket read;
    Status status = read_root(reader.getRoot<schema::PeerPacket>(), read);
    if (!status.ok()) return status;
    return read;
  } catch (const kj::Exception& error) {
    return malformed(std::string("a packet that cannot be read (") + error.getDescription().cStr() + ")");
  }
}

}  // namespace engram
