#pragma once
// Cap'n Proto messages over a socket, with as few system calls as there can be. Both ends of a connection use it: a small
// call costs the library's own stream two reads and two writes on each side (the answer's "finish" is a message of its
// own), and this one a read and a write.

#include <cstddef>
#include <cstdint>
#include <functional>

#include <capnp/serialize-async.h>
#include <kj/async-io.h>
#include <kj/vector.h>

namespace engram::rpc {

/// For a TwoPartyVatNetwork, which it must outlive; `stream` must outlive it. Belongs to one kj event loop.
///
/// Reading takes what the socket has and hands out message after message. A message's size is known, and checked, before
/// memory is taken for it: too large a one, or one of more than 512 segments, ends the connection.
///
/// Writing: the first message of a turn of the event loop is written at once, so that many connections do not wait for each
/// other; what follows on the same connection in the same turn is written together at the end of the turn. "Finish" and
/// "release", for which nobody waits, go along with the next message, or at the end of the turn. A writer waits (its promise
/// does) while more than `max_buffered_bytes` are not yet taken by the socket.
class BatchedMessageStream final : public capnp::MessageStream {
 public:
  BatchedMessageStream(kj::AsyncIoStream& stream, std::uint64_t max_message_bytes);
  KJ_DISALLOW_COPY(BatchedMessageStream);

  /// For the messages that arrive from now on. A server trusts a client with more once it knows it.
  void set_max_message_bytes(std::uint64_t bytes) { max_message_bytes_ = bytes; }
  /// For servers: while `open` answers false, nothing is read; it is asked again whenever a message was written. So a peer
  /// that asks and asks without reading answers costs bounded memory. At both ends of a connection it could be a deadlock.
  void set_read_gate(std::function<bool()> open) { read_gate_ = std::move(open); }
  /// For servers: what was asked (bootstraps and calls) and not finished yet stays in the RPC system's tables, also when it is
  /// answered. One question more than `questions` ends the connection, so that a peer that never finishes any costs bounded
  /// memory. 0: no bound, and nothing is counted.
  void set_max_open_questions(std::size_t questions) { max_open_questions_ = questions; }
  /// Whether that is why the connection ended.
  [[nodiscard]] bool too_many_questions() const { return too_many_questions_; }
  /// Bytes that arrived in whole or in part, to tell an idle connection from a slow one.
  [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_; }

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(kj::ArrayPtr<kj::AutoCloseFd> fd_space,
                                                                    capnp::ReaderOptions options,
                                                                    kj::ArrayPtr<capnp::word> scratch) override;
  kj::Promise<void> writeMessage(kj::ArrayPtr<const int> fds,
                                 kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
  kj::Promise<void> writeMessages(
      kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
  kj::Maybe<int> getSendBufferSize() override;
  kj::Promise<void> end() override;

  static constexpr std::size_t max_buffered_bytes = 64 * 1024;

 private:
  using Segments = kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>;
  using Arrived = kj::Maybe<capnp::MessageReaderAndFds>;

  /// Words of the message at the start of the buffer, its table of segments included; 0: not enough has arrived to know.
  [[nodiscard]] std::size_t buffered_message_words() const;
  kj::Promise<Arrived> read_next(capnp::ReaderOptions options);
  kj::Promise<Arrived> read_more(std::size_t message_words, capnp::ReaderOptions options);
  kj::Promise<Arrived> read_large(std::size_t message_words, capnp::ReaderOptions options);
  kj::Promise<void> read_rest(kj::ArrayPtr<kj::byte> missing);
  Arrived take_message(std::size_t message_words, capnp::ReaderOptions options);
  capnp::MessageReaderAndFds arrived(kj::Array<capnp::word> message, capnp::ReaderOptions options);
  void count_questions(capnp::MessageReader& message);

  void append(Segments segments);
  void flush();
  void flush_at_end_of_turn();
  kj::Promise<void> write_pending();
  kj::Promise<void> flushed();
  kj::Promise<void> write_directly(Segments segments);
  kj::Promise<void> gate_opens();
  void look_at_gate();

  kj::AsyncIoStream& stream_;
  std::uint64_t max_message_bytes_;
  std::uint64_t received_bytes_ = 0;
  std::size_t max_open_questions_ = 0;
  std::size_t open_questions_ = 0;
  bool too_many_questions_ = false;

  std::function<bool()> read_gate_;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> waiting_reader_;

  kj::Array<capnp::word> read_buffer_;
  std::size_t read_begin_ = 0;   // bytes
  std::size_t read_end_ = 0;

  kj::Vector<kj::byte> pending_;    // not yet handed to the socket
  kj::Vector<kj::byte> in_flight_;  // being written
  bool writing_ = false;
  bool turn_open_ = false;   // something was written in this turn of the loop: wait for its end with the rest
  kj::Maybe<kj::Exception> failure_;
  kj::Vector<kj::Own<kj::PromiseFulfiller<void>>> waiting_for_flush_;
  kj::Promise<void> turn_end_ = nullptr;
  kj::Promise<void> write_task_ = nullptr;
  kj::Promise<void> gate_look_ = nullptr;
};

}  // namespace engram::rpc
