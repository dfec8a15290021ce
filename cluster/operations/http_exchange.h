#pragma once
// One connection of the operations port: one request, one answer. Never blocks; whoever owns it waits for its socket and for
// its deadline.

#include <cstddef>
#include <cstdint>
#include <string>

#include "cluster/operations/http_text.h"
#include "storage/base/descriptor.h"

namespace engram {

/// A client gets 16 KiB and 2 seconds for the head of its request, however it splits it, and 5 seconds to take the answer: who
/// is slow costs a socket for that time and nothing else. Times are monotonic.
class HttpExchange {
 public:
  /// reading the request, asking for an answer, answering it, lingering (the answer is sent: what still comes is thrown away,
  /// since closing would take the answer from a client that has not read it), over.
  enum class State { reading, asking, answering, sending, lingering, over };

  HttpExchange(Descriptor socket, std::int64_t now_ms);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] int socket() const { return socket_.get(); }
  /// What to wait for, as `poll` has it.
  [[nodiscard]] short events() const;
  [[nodiscard]] std::int64_t deadline_ms() const { return deadline_ms_; }

  /// Goes as far as the socket allows.
  void proceed(std::int64_t now_ms);
  /// For when the deadline has passed.
  void be_late(std::int64_t now_ms);

  /// The connection is of no use any more.
  void drop() { state_ = State::over; }

  /// In `asking`: what is asked for, once. Then `answer` has to be called before the deadline.
  HttpRequest take_request(std::int64_t now_ms);
  void answer(const HttpAnswer& answer, std::int64_t now_ms);

  static constexpr std::size_t max_head_bytes = 16 * 1024;
  static constexpr std::int64_t head_time_ms = 2'000;
  static constexpr std::int64_t answer_time_ms = 10'000;
  static constexpr std::int64_t send_time_ms = 5'000;
  static constexpr std::int64_t linger_time_ms = 1'000;
  static constexpr std::size_t max_lingering_bytes = 64 * 1024;

 private:
  void read_head(std::int64_t now_ms);
  void send_rest(std::int64_t now_ms);
  void throw_away();
  void enter(State state, std::int64_t deadline_ms);

  Descriptor socket_;
  State state_ = State::reading;
  std::int64_t deadline_ms_;
  bool with_body_ = true;
  std::string head_;
  HttpRequest request_;
  std::string output_;
  std::size_t sent_ = 0;
  std::size_t thrown_away_ = 0;
};

}  // namespace engram
