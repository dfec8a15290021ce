#include "cluster/peers/network_message.h"

#include <array>
#include <cstdint>
#include <cstring>

#include <kj/exception.h>

namespace engram {
namespace {

constexpr std::size_t word_bytes = sizeof(capnp::word);

/// The framing: how many segments there are less one, the words of each, and what fills up the last word (all uint32, little
/// endian).
struct Framing {
  std::array<kj::byte, (max_small_message_segments / 2 + 1) * word_bytes> bytes{};

  [[nodiscard]] std::uint64_t number(std::size_t index) const {
    const kj::byte* at = bytes.data() + index * 4;
    return std::uint64_t{at[0]} | std::uint64_t{at[1]} << 8 | std::uint64_t{at[2]} << 16 | std::uint64_t{at[3]} << 24;
  }
  [[nodiscard]] std::uint64_t segments() const { return number(0) + 1; }
  [[nodiscard]] std::size_t size_bytes() const { return static_cast<std::size_t>(segments() / 2 + 1) * word_bytes; }
  [[nodiscard]] std::uint64_t message_bytes() const {
    std::uint64_t words = 0;
    for (std::size_t i = 1; i <= segments(); ++i) words += number(i);
    return size_bytes() + words * word_bytes;
  }
};

kj::Exception too_large() {
  return {kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::str("it says a message that is larger than it may be")};
}

}  // namespace

kj::Promise<kj::Array<capnp::word>> read_small_message(kj::AsyncInputStream& from) {
  auto framing = kj::heap<Framing>();
  Framing& got = *framing;
  return from.read(got.bytes.data(), word_bytes)
      .then([&from, &got]() -> kj::Promise<void> {
        if (got.segments() > max_small_message_segments) return too_large();
        std::size_t rest_bytes = got.size_bytes() - word_bytes;
        if (rest_bytes == 0) return kj::READY_NOW;
        return from.read(got.bytes.data() + word_bytes, rest_bytes);
      })
      .then([&from, &got]() -> kj::Promise<kj::Array<capnp::word>> {
        if (got.message_bytes() > max_small_message_bytes) return too_large();
        auto message = kj::heapArray<capnp::word>(static_cast<std::size_t>(got.message_bytes()) / word_bytes);
        std::memcpy(message.begin(), got.bytes.data(), got.size_bytes());
        auto body = message.asBytes().slice(got.size_bytes(), message.asBytes().size());
        if (body.size() == 0) return kj::mv(message);
        return from.read(body.begin(), body.size()).then([message = kj::mv(message)]() mutable { return kj::mv(message); });
      })
      .attach(kj::mv(framing));
}

}  // namespace engram
