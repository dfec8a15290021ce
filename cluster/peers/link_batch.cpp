#include "cluster/peers/link_batch.h"

#include <cstring>

namespace engram {
namespace {

constexpr std::size_t word_bytes = 8;

/// Of the packet that begins at `at`; 0: none can begin there.
std::size_t packet_size(const PacketBytes& message, std::size_t at) {
  std::uint32_t framing[2] = {};
  if (message.size() - at < sizeof framing) return 0;
  std::memcpy(framing, message.data() + at, sizeof framing);
  std::size_t size = sizeof framing + std::size_t{framing[1]} * word_bytes;
  return framing[0] == 0 && framing[1] != 0 && size <= message.size() - at ? size : 0;
}

}  // namespace

void PacketBatch::add(std::uint64_t connection, PacketBytes packet) {
  connection_ = connection;
  if (bytes_.empty()) {
    bytes_ = std::move(packet);
  } else {
    bytes_.insert(bytes_.end(), packet.begin(), packet.end());
  }
}

void for_each_packet(const PacketBytes& message, const std::function<void(const PacketBytes& packet)>& take) {
  std::size_t size = packet_size(message, 0);
  if (size == 0 || size == message.size()) return take(message);
  for (std::size_t at = 0; at < message.size(); at += size) {
    size = packet_size(message, at);
    if (size == 0) size = message.size() - at;
    auto begin = message.begin() + static_cast<std::ptrdiff_t>(at);
    take(PacketBytes(begin, begin + static_cast<std::ptrdiff_t>(size)));
  }
}

}  // namespace engram
