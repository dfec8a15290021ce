#include "actors/messages/frame.h"

#include <capnp/any.h>
#include <capnp/serialize.h>

namespace engram {

CommandBytes CommandBytes::copy_of(Bytes bytes) {
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  std::memcpy(words.begin(), bytes.data(), words.size() * sizeof(capnp::word));
  return CommandBytes(kj::mv(words));
}

CommandBytes CommandBytes::of(capnp::MessageBuilder& message) {
  if (message.getSegmentsForOutput().size() == 1) return CommandBytes(capnp::messageToFlatArray(message));
  auto root = message.getRoot<capnp::AnyPointer>();
  capnp::MallocMessageBuilder single(static_cast<unsigned>(root.targetSize().wordCount + 2));
  single.setRoot(root.asReader());
  return CommandBytes(capnp::messageToFlatArray(single));
}

}  // namespace engram
