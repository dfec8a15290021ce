#pragma once
// What a client of a soak run wrote, and whether all of it is there exactly once.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/engram/client.h"

namespace engram::loadgen {

/// What a look at the graph said about the writes. Everything but `acknowledged` should be 0.
struct WriteCheck {
  std::uint64_t acknowledged = 0;
  std::uint64_t lost = 0;           // acknowledged, and not there as written
  std::uint64_t repeated = 0;       // acknowledged, and changed again by a write that was made once
  std::uint64_t not_refused = 0;    // answered as refused, and there all the same
  std::uint64_t unsettled = 0;      // no answer even when asked again: they may be there or not
  std::string first_problem;        // the key of one that is not right, and what it is
  void merge(const WriteCheck& other);
  [[nodiscard]] bool all_right() const { return lost + repeated + not_refused + unsettled == 0; }
};

/// Every write creates a vertex of its own, <prefix>/0, <prefix>/1 ..., as an *upsert*: were it applied a second time, nobody
/// would refuse it, but the vertex would have another version and time than the answer said. A write with a target also links
/// the new vertex to it.
class SoakWrites {
 public:
  explicit SoakWrites(std::string prefix) : prefix_(std::move(prefix)) {}

  /// `target` empty: no edge. Answers what the client said; an error if the write is not known to be committed.
  Status write(client::Client& client, const std::string& target);
  /// Asks again for writes without an answer, and then reads all back, with `timeout_ms` for each call. An error if it cannot.
  Result<WriteCheck> check(client::Client& client, std::uint32_t timeout_ms);

 private:
  struct Write {
    client::Fate fate = client::Fate::unknown;
    std::uint64_t version = 0;
    std::int64_t accepted_ns = 0;
    std::string target;
  };
  struct Unanswered {
    client::Batch batch;
    client::Outcome outcome;
  };

  [[nodiscard]] std::string key_of(std::size_t number) const { return prefix_ + "/" + std::to_string(number); }
  void note(std::size_t number, const client::Outcome& outcome);
  Status check_vertices(client::Client& client, std::size_t first, std::size_t end, std::uint32_t timeout_ms);
  Status check_edges(client::Client& client, std::size_t first, std::size_t end, std::uint32_t timeout_ms);
  void judge(std::size_t number, const char* what, bool found, bool as_written, bool once);

  std::string prefix_;
  std::vector<Write> writes_;
  std::map<std::size_t, Unanswered> unanswered_;   // by the number of the write
  WriteCheck checked_;
};

}  // namespace engram::loadgen
