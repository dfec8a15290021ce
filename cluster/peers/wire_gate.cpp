#include "cluster/peers/wire_gate.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <caf/binary_serializer.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/message.hpp>
#include <caf/message_id.hpp>

#include "actors/runtime/peer_actor.h"

namespace engram {
namespace {

using caf::io::basp::header;
using caf::io::basp::message_type;

constexpr std::size_t max_handshake_bytes = 4096;
constexpr std::size_t max_hello_bytes = 512;  // with an id of a node
constexpr std::size_t max_count_bytes = 5;    // of a size, seven bits a byte

Status garbage(const std::string& what) {
  return {Code::corrupt, "The connection carried " + what + ". Both nodes have to run versions of engram that know each "
                         "other, and nothing else may write to the connection."};
}

Status too_large(std::size_t max_packet_bytes) {
  return {Code::too_large, "The other node sent a packet of more than " + std::to_string(max_packet_bytes) + " bytes."};
}

std::uint64_t big_endian(const char* bytes, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  return number;
}

/// How BASP begins a message of these types: nobody that it was forwarded by, and the names of the types.
std::string start_of(caf::actor_system& system, const caf::message& message) {
  std::vector<char> bytes;
  caf::binary_serializer sink(system, bytes);
  if (sink(std::vector<caf::strong_actor_ptr>(), message)) return {};
  constexpr std::size_t name_length_at = 3;  // behind the count of forwarders (0) and the id of the type (none: 0)
  return std::string(bytes.data(), name_length_at + 1 + static_cast<std::uint8_t>(bytes.at(name_length_at)));
}

}  // namespace

WireGate::WireGate(caf::actor_system& system, bool called, std::uint64_t receiver, std::size_t max_packet_bytes)
    : called_(called),
      receiver_(receiver),
      max_packet_bytes_(max_packet_bytes),
      packet_start_(start_of(system, caf::make_message(std::vector<char>()))),
      hello_start_(start_of(system, caf::make_message(hello_atom::value, std::uint64_t{0}, caf::strong_actor_ptr()))) {}

std::size_t WireGate::max_message_bytes() const {
  return std::max(packet_start_.size() + max_count_bytes + max_packet_bytes_, max_hello_bytes);
}

Status WireGate::admit(const char* bytes, std::size_t size) {
  if (next_ == Next::header) return admit_header(bytes, size);
  Status status = next_ == Next::message ? admit_message(bytes, size) : Status();
  next_ = Next::header;
  return status;
}

Status WireGate::admit_header(const char* bytes, std::size_t size) {
  if (size != caf::io::basp::header_size) return garbage("half a header");
  const auto operation = static_cast<message_type>(bytes[0]);
  const auto flags = static_cast<std::uint8_t>(bytes[3]);
  const auto payload_bytes = static_cast<std::uint32_t>(big_endian(bytes + 4, 4));
  const std::uint64_t data = big_endian(bytes + 8, 8);
  const std::uint64_t source = big_endian(bytes + 16, 8);
  const std::uint64_t destination = big_endian(bytes + 24, 8);
  const auto handshake = called_ ? message_type::server_handshake : message_type::client_handshake;
  if (operation == handshake) return admit_handshake(flags, payload_bytes);
  if (handshakes_ == 0) return garbage("something else than a handshake at its beginning");
  if (operation == message_type::heartbeat) return payload_bytes == 0 ? Status() : garbage("a heartbeat with a payload");
  if (operation != message_type::direct_message) return garbage("a kind of message that nodes do not send");
  if (flags != 0 || source != 0 || destination != receiver_ || data != caf::make_message_id().integer_value() ||
      payload_bytes == 0)
    return garbage("a message to another actor than that of the connection");
  if (payload_bytes > max_message_bytes()) return too_large(max_packet_bytes_);
  next_ = Next::message;
  return {};
}

Status WireGate::admit_handshake(std::uint8_t flags, std::uint32_t payload_bytes) {
  // The client says it twice: at first, and once it has read the server's.
  const int most = called_ ? 1 : 2;
  const std::uint8_t expected_flags = handshakes_ == 0 ? 0 : header::select_connection_flag;
  if (handshakes_ == most || flags != expected_flags || payload_bytes == 0 || payload_bytes > max_handshake_bytes)
    return garbage("a handshake that cannot be");
  ++handshakes_;
  next_ = Next::handshake;
  return {};
}

Status WireGate::admit_message(const char* bytes, std::size_t size) const {
  const std::string_view message(bytes, size);
  if (message.starts_with(hello_start_) && size <= max_hello_bytes) return {};
  if (!message.starts_with(packet_start_)) return garbage("a message that nodes do not send");
  std::size_t at = packet_start_.size();
  std::uint64_t count = 0;
  for (unsigned shift = 0; at < size && shift < 7 * max_count_bytes; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes[at++]);
    count |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) {
      if (count != size - at) break;
      return count <= max_packet_bytes_ ? Status() : too_large(max_packet_bytes_);
    }
  }
  return garbage("a packet whose size is not what it says");
}

}  // namespace engram
