#pragma once
// A Cap'n Proto message on its way between actors: written once, then shared and only read. Between nodes it travels as
// bytes, and is read where it arrived, without being copied once more.

#include <functional>
#include <memory>

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
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
  /// A message with root `Root` that `fill` writes when it is needed: with `write_to` straight to where it goes, which
  /// spares a large one a copy. `fill` owns what it needs, and may be called several times.
  template <typename Root>
  static Frame deferred(std::function<void(typename Root::Builder)> fill, unsigned words) {
    Frame frame;
    frame.fill_ = [fill = std::move(fill)](capnp::AnyStruct::Builder out) { fill(out.as<Root>()); };
    frame.words_ = words;
    return frame;
  }

  /// A message that came from another node. Throws as Cap'n Proto does if `words` are none in stream framing; pointers that
  /// lead out of it throw when they are followed.
  static Frame received(kj::Array<capnp::word> words) {
    Frame frame;
    frame.received_ = std::make_shared<Received>(kj::mv(words));
    return frame;
  }
  /// The message in stream framing, for another node.
  template <typename Root>
  [[nodiscard]] kj::Array<capnp::word> bytes() const {
    if (received_ != nullptr) return kj::heapArray(received_->words.asPtr());
    (void)read<Root>();  // writes a deferred one
    return capnp::messageToFlatArray(*message_);
  }

  template <typename Root>
  [[nodiscard]] typename Root::Reader read() const {
    if (received_ != nullptr) return received_->reader.getRoot<Root>();
    if (message_ == nullptr) {
      message_ = std::make_shared<capnp::MallocMessageBuilder>(words_);
      fill_(capnp::toAny(message_->initRoot<Root>()));
    }
    return message_->getRoot<Root>().asReader();
  }
  [[nodiscard]] bool is_deferred() const { return fill_ != nullptr; }
  /// How large it is; of a deferred message about.
  [[nodiscard]] std::size_t words() const {
    if (received_ != nullptr) return received_->words.size();
    return message_ != nullptr ? message_->sizeInWords() : words_;
  }
  template <typename Builder>
  void write_to(Builder out) const {
    fill_(capnp::toAny(out));
  }
  explicit operator bool() const { return message_ != nullptr || fill_ != nullptr || received_ != nullptr; }

 private:
  struct Received {
    explicit Received(kj::Array<capnp::word> bytes) : words(kj::mv(bytes)), reader(words, limits()) {}
    // Nodes have authenticated each other; what a message may make its reader do was bounded where a client sent it.
    static capnp::ReaderOptions limits() { return {.traversalLimitInWords = std::uint64_t{1} << 60, .nestingLimit = 64}; }
    kj::Array<capnp::word> words;
    capnp::FlatArrayMessageReader reader;
  };

  std::shared_ptr<Received> received_;
  mutable std::shared_ptr<capnp::MallocMessageBuilder> message_;
  std::function<void(capnp::AnyStruct::Builder)> fill_;  // of a deferred message
  unsigned words_ = 0;
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
