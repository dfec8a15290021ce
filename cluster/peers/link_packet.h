#pragma once
// A PeerPacket (schema/peer.capnp) as a value: what a link says and hears on a connection.

#include <cstdint>
#include <memory>

#include "cluster/peers/node_status.h"
#include "cluster/peers/wire.h"
#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"

namespace engram {

enum class MessageKind : std::uint8_t { question, notice, submission, command, answer };

/// Whether an answer comes back for it.
inline bool is_asking(MessageKind kind) { return kind == MessageKind::question || kind == MessageKind::submission; }

/// What the first part of a message tells of it.
struct MessageHead {
  MessageKind kind = MessageKind::question;
  std::size_t size_bytes = 0;  // of the whole message
  PartitionId to;              // of an answer: that answered
  PartitionId from;
  std::uint32_t epoch = 0;
  std::uint64_t budget_us = 0;  // 0: no deadline
  std::uint64_t answers = 0;    // the number of the question that it is an answer to
  std::uint64_t request = 0;    // of a client: RequestNumber
};

enum class PacketKind : std::uint8_t { none, part, cancel, draining, status };

struct LinkPacket {
  PacketKind kind = PacketKind::none;
  std::uint64_t taken_bytes = 0;
  std::uint64_t message = 0;  // that the part is of; that nobody waits for any more
  Bytes bytes;                // of a part; lives elsewhere: in the message, or in the packet that came
  bool more = false;
  MessageHead head;           // of a first part; has no size in the others
  std::shared_ptr<const NodeStatus> status;
};

PacketBytes write_packet(const LinkPacket& packet);
/// Its bytes point into `packet`. Errors: internal (it is no packet).
Result<LinkPacket> read_packet(const PacketBytes& packet);

/// The error for whatever comes from a peer and must not.
Status malformed(const std::string& what);

}  // namespace engram
