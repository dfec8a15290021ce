#include "schema/rpc/message_stream.h"

#include <cstring>
#include <utility>

#include <sys/socket.h>

#include <capnp/message.h>
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <kj/debug.h>

namespace engram::rpc {

namespace {

using capnp::word;

constexpr std::size_t read_buffer_words = 1024;
// Anything longer is written from where it is, without a copy.
constexpr std::size_t copied_message_bytes = 16 * 1024;
constexpr std::uint32_t max_segments = 512;

std::uint32_t little_endian_at(const kj::byte* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::size_t table_words(std::size_t segments) { return segments / 2 + 1; }

/// The table of segments in front of a message.
void fill_table(kj::ArrayPtr<const kj::ArrayPtr<const word>> segments, kj::byte* table) {
  auto put = [&](std::size_t index, std::size_t value) {
    auto number = static_cast<std::uint32_t>(value);
    std::memcpy(table + index * sizeof number, &number, sizeof number);
  };
  put(0, segments.size() - 1);
  for (std::size_t i = 0; i < segments.size(); ++i) put(i + 1, segments[i].size());
  if (segments.size() % 2 == 0) put(segments.size() + 1, 0);
}

std::size_t body_bytes(kj::ArrayPtr<const kj::ArrayPtr<const word>> segments) {
  std::size_t words = 0;
  for (auto segment : segments) words += segment.size();
  return words * sizeof(word);
}

/// Whether the other side waits for this message.
bool is_urgent(kj::ArrayPtr<const kj::ArrayPtr<const word>> segments) {
  capnp::SegmentArrayMessageReader reader(segments);
  auto which = reader.getRoot<capnp::rpc::Message>().which();
  return which != capnp::rpc::Message::FINISH && which != capnp::rpc::Message::RELEASE;
}

struct OwnedWords {
  kj::Array<word> words;
};

class ArrivedMessage final : private OwnedWords, public capnp::FlatArrayMessageReader {
 public:
  ArrivedMessage(kj::Array<word> message, capnp::ReaderOptions reader_options)
      : OwnedWords{kj::mv(message)}, FlatArrayMessageReader(words, reader_options) {}
};

kj::Exception cut_short() { return KJ_EXCEPTION(DISCONNECTED, "the connection ended in the middle of a message"); }

}  // namespace

BatchedMessageStream::BatchedMessageStream(kj::AsyncIoStream& stream, std::uint64_t max_message_bytes)
    : stream_(stream),
      max_message_bytes_(max_message_bytes),
      read_buffer_(kj::heapArray<word>(read_buffer_words)) {}

// --- Reading

capnp::MessageReaderAndFds BatchedMessageStream::arrived(kj::Array<word> message, capnp::ReaderOptions options) {
  auto reader = kj::heap<ArrivedMessage>(kj::mv(message), options);
  if (max_open_questions_ != 0) count_questions(*reader);
  return {kj::mv(reader), nullptr};
}

void BatchedMessageStream::count_questions(capnp::MessageReader& message) {
  switch (message.getRoot<capnp::rpc::Message>().which()) {
    case capnp::rpc::Message::BOOTSTRAP:
    case capnp::rpc::Message::CALL:
      too_many_questions_ = ++open_questions_ > max_open_questions_;
      KJ_REQUIRE(!too_many_questions_, "more questions than may be left unfinished", max_open_questions_);
      break;
    case capnp::rpc::Message::FINISH:
      if (open_questions_ > 0) --open_questions_;  // of a question that was never asked: for the RPC system to refuse
      break;
    default:
      break;
  }
}

std::size_t BatchedMessageStream::buffered_message_words() const {
  auto* at = read_buffer_.asBytes().begin() + read_begin_;
  std::size_t available = read_end_ - read_begin_;
  if (available < sizeof(word)) return 0;
  std::uint32_t segments = little_endian_at(at) + 1;  // 0xFFFFFFFF wraps to 0
  KJ_REQUIRE(segments >= 1 && segments <= max_segments, "a message of too many segments", max_segments);
  if (available < table_words(segments) * sizeof(word)) return 0;
  std::uint64_t words = table_words(segments);
  for (std::uint32_t i = 0; i < segments; ++i) words += little_endian_at(at + (i + 1) * sizeof(std::uint32_t));
  KJ_REQUIRE(words <= max_message_bytes_ / sizeof(word), "a message over the limit of bytes", words * sizeof(word),
             max_message_bytes_);
  return words;
}

kj::Promise<BatchedMessageStream::Arrived> BatchedMessageStream::tryReadMessage(kj::ArrayPtr<kj::AutoCloseFd>,
                                                                               capnp::ReaderOptions options,
                                                                               kj::ArrayPtr<word>) {
  if (read_gate_ && !read_gate_()) return gate_opens().then([this, options] { return read_next(options); });
  return read_next(options);
}

kj::Promise<BatchedMessageStream::Arrived> BatchedMessageStream::read_next(capnp::ReaderOptions options) {
  std::size_t words = buffered_message_words();
  if (words != 0 && words * sizeof(word) <= read_end_ - read_begin_) return take_message(words, options);
  return read_more(words, options);
}

BatchedMessageStream::Arrived BatchedMessageStream::take_message(std::size_t message_words,
                                                                 capnp::ReaderOptions options) {
  auto message = kj::heapArray<word>(message_words);
  std::memcpy(message.begin(), read_buffer_.asBytes().begin() + read_begin_, message_words * sizeof(word));
  read_begin_ += message_words * sizeof(word);
  if (read_begin_ == read_end_) read_begin_ = read_end_ = 0;
  return arrived(kj::mv(message), options);
}

kj::Promise<BatchedMessageStream::Arrived> BatchedMessageStream::read_more(std::size_t message_words,
                                                                          capnp::ReaderOptions options) {
  if (message_words > read_buffer_words) return read_large(message_words, options);
  auto bytes = read_buffer_.asBytes();
  if (read_begin_ > 0) {
    std::memmove(bytes.begin(), bytes.begin() + read_begin_, read_end_ - read_begin_);
    read_end_ -= read_begin_;
    read_begin_ = 0;
  }
  return stream_.tryRead(bytes.begin() + read_end_, 1, bytes.size() - read_end_)
      .then([this, options](std::size_t count) -> kj::Promise<Arrived> {
        if (count == 0) {
          if (read_end_ != 0) return cut_short();
          return Arrived(nullptr);
        }
        read_end_ += count;
        received_bytes_ += count;
        return read_next(options);
      });
}

kj::Promise<BatchedMessageStream::Arrived> BatchedMessageStream::read_large(std::size_t message_words,
                                                                           capnp::ReaderOptions options) {
  auto message = kj::heapArray<word>(message_words);
  auto bytes = message.asBytes();
  std::size_t have = read_end_ - read_begin_;
  std::memcpy(bytes.begin(), read_buffer_.asBytes().begin() + read_begin_, have);
  read_begin_ = read_end_ = 0;
  return read_rest(bytes.slice(have, bytes.size())).then([this, options, message = kj::mv(message)]() mutable -> Arrived {
    return arrived(kj::mv(message), options);
  });
}

/// Piece by piece, as they come, so that `received_bytes` tells a slow message from none.
kj::Promise<void> BatchedMessageStream::read_rest(kj::ArrayPtr<kj::byte> missing) {
  if (missing.size() == 0) return kj::READY_NOW;
  auto read = stream_.tryRead(missing.begin(), 1, missing.size());
  return read.then([this, missing](std::size_t count) mutable -> kj::Promise<void> {
    if (count == 0) kj::throwFatalException(cut_short());
    received_bytes_ += count;
    return read_rest(missing.slice(count, missing.size()));
  });
}

kj::Promise<void> BatchedMessageStream::gate_opens() {
  auto waiting = kj::newPromiseAndFulfiller<void>();
  waiting_reader_ = kj::mv(waiting.fulfiller);
  return kj::mv(waiting.promise);
}

/// Called when the socket has taken something. The network counts its queue down a few turns of the loop later.
void BatchedMessageStream::look_at_gate() {
  if (waiting_reader_ == nullptr) return;
  gate_look_ = kj::evalLast([this] {
                 if (!read_gate_()) return;
                 KJ_IF_MAYBE (waiting, waiting_reader_) { (*waiting)->fulfill(); }
                 waiting_reader_ = nullptr;
               }).eagerlyEvaluate(nullptr);
}

// --- Writing

kj::Promise<void> BatchedMessageStream::writeMessage(kj::ArrayPtr<const int>, Segments segments) {
  KJ_IF_MAYBE (failure, failure_) return kj::cp(*failure);
  if (body_bytes(segments) > copied_message_bytes) {
    return flushed().then([this, segments] { return write_directly(segments); });
  }
  append(segments);
  if (!turn_open_ && is_urgent(segments)) flush();
  flush_at_end_of_turn();
  if (pending_.size() > copied_message_bytes) flush();
  if (pending_.size() > max_buffered_bytes) return flushed();
  return kj::READY_NOW;
}

void BatchedMessageStream::append(Segments segments) {
  std::size_t table_bytes = table_words(segments.size()) * sizeof(word);
  std::size_t at = pending_.size();
  pending_.resize(at + table_bytes);
  fill_table(segments, pending_.begin() + at);
  for (auto segment : segments) pending_.addAll(segment.asBytes());
}

void BatchedMessageStream::flush_at_end_of_turn() {
  if (turn_open_) return;
  turn_open_ = true;
  turn_end_ = kj::evalLast([this] {
                turn_open_ = false;
                flush();
              }).eagerlyEvaluate(nullptr);
}

void BatchedMessageStream::flush() {
  if (writing_ || pending_.empty() || failure_ != nullptr) return;
  writing_ = true;
  write_task_ = write_pending().eagerlyEvaluate([this](kj::Exception&& error) {
    for (auto& waiting : waiting_for_flush_) waiting->reject(kj::cp(error));
    waiting_for_flush_.clear();
    failure_ = kj::mv(error);
  });
}

/// Goes on until nothing is pending. `writing_` stays set after an error: nothing more is written.
kj::Promise<void> BatchedMessageStream::write_pending() {
  std::swap(pending_, in_flight_);
  pending_.clear();
  return stream_.write(in_flight_.begin(), in_flight_.size()).then([this]() -> kj::Promise<void> {
    look_at_gate();
    if (!pending_.empty()) return write_pending();
    writing_ = false;
    for (auto& waiting : waiting_for_flush_) waiting->fulfill();
    waiting_for_flush_.clear();
    return kj::READY_NOW;
  });
}

kj::Promise<void> BatchedMessageStream::flushed() {
  KJ_IF_MAYBE (failure, failure_) return kj::cp(*failure);
  flush();
  if (!writing_) return kj::READY_NOW;
  auto waiting = kj::newPromiseAndFulfiller<void>();
  waiting_for_flush_.add(kj::mv(waiting.fulfiller));
  return kj::mv(waiting.promise);
}

/// The network writes one message at a time, so nothing is appended meanwhile.
kj::Promise<void> BatchedMessageStream::write_directly(Segments segments) {
  auto table = kj::heapArray<kj::byte>(table_words(segments.size()) * sizeof(word));
  fill_table(segments, table.begin());
  auto pieces = kj::heapArrayBuilder<const kj::ArrayPtr<const kj::byte>>(segments.size() + 1);
  pieces.add(table);
  for (auto segment : segments) pieces.add(segment.asBytes());
  auto finished = pieces.finish();
  auto written = stream_.write(finished);
  return written.then([this] { look_at_gate(); }).attach(kj::mv(finished), kj::mv(table));
}

kj::Promise<void> BatchedMessageStream::writeMessages(kj::ArrayPtr<Segments> messages) {
  if (messages.size() == 0) return kj::READY_NOW;
  auto first = writeMessage(nullptr, messages[0]);
  if (messages.size() == 1) return first;
  return first.then([this, messages]() mutable { return writeMessages(messages.slice(1, messages.size())); });
}

kj::Maybe<int> BatchedMessageStream::getSendBufferSize() {
  int size = 0;
  kj::uint length = sizeof size;
  kj::Maybe<kj::Exception> refused =
      kj::runCatchingExceptions([&] { stream_.getsockopt(SOL_SOCKET, SO_SNDBUF, &size, &length); });
  if (refused != nullptr) return nullptr;
  return size;
}

kj::Promise<void> BatchedMessageStream::end() {
  return flushed().then([this] { stream_.shutdownWrite(); });
}

}  // namespace engram::rpc
