#pragma once
// A Cap'n Proto message on its way between actors of this node: written once, then shared and only read.

#include <memory>

#include <capnp/message.h>
#include <kj/array.h>

#include "storage/base/bytes.h"

namespace engram {

/// A Request or an Answer of schema/peer.capnp. Immutable once it was sent.
class Frame {
 public:
  Frame() = default;

  /// Makes a message with root `Root`, filled by `fill(Root::Builder)`.
  template <typename Root, typename Fill>
  static Frame build(Fill&& fill, unsigned first_segment_words = 128) {
    Frame frame;
    frame.message_ = std::make_shared<capnp::MallocMessageBuilder>(first_segment_words);
    fill(frame.message_->initRoot<Root>());
    return frame;
  }
  template <typename Root>
  [[nodiscard]] typename Root::Reader read() const {
    return message_->getRoot<Root>().asReader();
  }
  explicit operator bool() const { return message_ != nullptr; }

 private:
  std::shared_ptr<capnp::MallocMessageBuilder> message_;
};

/// A Command as it is logged: one segment in stream framing, 8-byte aligned. Immutable, shared.
class CommandBytes {
 public:
  CommandBytes() = default;
  explicit CommandBytes(kj::Array<capnp::word> words)
      : words_(std::make_shared<kj::Array<capnp::word>>(kj::mv(words))) {}
  /// Copies (and so aligns) bytes that came from outside; the size must be a multiple of 8.
  static CommandBytes copy_of(Bytes bytes);
  /// Serialises a message of whatever segments into one segment.
  static CommandBytes of(capnp::MessageBuilder& message);

  explicit operator bool() const { return words_ != nullptr; }
  [[nodiscard]] kj::ArrayPtr<const capnp::word> words() const { return *words_; }
  [[nodiscard]] Bytes bytes() const {
    return {reinterpret_cast<const std::byte*>(words_->begin()), words_->size() * sizeof(capnp::word)};
  }

 private:
  std::shared_ptr<kj::Array<capnp::word>> words_;
};

}  // namespace engram
