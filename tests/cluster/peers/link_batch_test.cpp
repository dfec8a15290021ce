// Several packets in one message of the wire.

#include "cluster/peers/link_batch.h"

#include "cluster/peers/link_packet.h"
#include "tests/cluster/peers/link_script.h"

using namespace engram;
using namespace engram::test;

namespace {

PacketBytes packet(std::uint64_t number) {
  LinkPacket cancel;
  cancel.kind = PacketKind::cancel;
  cancel.message = number;
  return write_packet(cancel);
}

std::vector<PacketBytes> split(const PacketBytes& message) {
  std::vector<PacketBytes> packets;
  for_each_packet(message, [&](const PacketBytes& one) { packets.push_back(one); });
  return packets;
}

}  // namespace

TEST_CASE("packets come out of a batch as they went in, and in their order") {
  PacketBatch batch;
  std::vector<PacketBytes> sent;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    sent.push_back(packet(i));
    REQUIRE(batch.has_room_for(7, sent.back()));
    batch.add(7, sent.back());
  }
  CHECK(batch.connection() == 7);
  CHECK(split(batch.take()) == sent);
  CHECK(batch.empty());
  CHECK(split(packet(3)) == std::vector<PacketBytes>{packet(3)});
}

TEST_CASE("a batch is of one connection, and no larger than a message may be") {
  PacketBatch batch;
  CHECK(batch.has_room_for(1, PacketBytes(PacketBatch::max_bytes + 1)));  // alone: the wire judges it
  batch.add(1, packet(1));
  CHECK_FALSE(batch.has_room_for(2, packet(1)));
  CHECK(batch.has_room_for(1, packet(2)));
  CHECK_FALSE(batch.has_room_for(1, PacketBytes(PacketBatch::max_bytes)));
}

TEST_CASE("what is no packet is found, wherever it is in a message, and what was before it is not lost") {
  PacketBatch batch;
  batch.add(1, packet(1));
  batch.add(1, packet(2));
  PacketBytes message = batch.take();
  for (std::size_t cut = 1; cut < message.size(); ++cut) {
    PacketBytes torn(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(cut));
    std::vector<PacketBytes> packets = split(torn);
    std::size_t whole = 0, bytes = 0;
    for (const PacketBytes& one : packets) {
      whole += read_packet(one).ok() ? 1 : 0;
      bytes += one.size();
    }
    CHECK(bytes == torn.size());
    CHECK(whole == cut / packet(1).size());
    CHECK(packets.size() == whole + (cut % packet(1).size() == 0 ? 0 : 1));
  }
}
