#pragma once
// One call of each kind: built, sent, and looked at. Requests are written straight into Cap'n Proto messages, since plain
// structs would be most of what a load generator does; changes are built by the client library's Batch.

#include <cstdint>
#include <vector>

#include <kj/async.h>

#include "client/engram/connection.h"
#include "tools/loadgen/options.h"

namespace engram::loadgen {

/// Keys by their partitions, found by asking the engine. Links over two partitions, batches in one, and the keys of chosen
/// partitions are drawn from it.
struct PartitionedKeys {
  std::vector<std::vector<std::uint64_t>> indexes;   // by partition; those without keys, or not chosen, are left out
  std::vector<std::uint64_t> chosen;                 // of BenchOptions::key_partitions together; empty: any key will do
  std::vector<std::uint64_t> targets;                // of BenchOptions::target_partitions
};

/// What came of a call.
struct Answer {
  Code code = Code::none;
  std::uint32_t items = 1;           // keys asked for, or operations
  std::uint32_t missing = 0;         // keys of which there is no vertex
  std::uint32_t exceeded = 0;        // 1: the answer was cut at a limit
  std::uint32_t request_bytes = 0;   // of the messages, about; 0: not measured in this call
  std::uint32_t reply_bytes = 0;
};

/// A connection that is ready for calls. Its session numbers the changes that are sent on it.
struct Channel {
  kj::Own<client::Connection> connection;
  schema::Engram::Client engram;
  client::OpenSpace space;
  std::uint64_t session = 0;
  std::uint64_t next_sequence = 1;
  std::vector<std::uint64_t> open_sequences;   // by lane; 0: none

  std::uint64_t first_incomplete() const;
};

/// Makes the calls of one thread. The options must outlive it.
class CallMaker {
 public:
  CallMaker(const BenchOptions& options, const PartitionedKeys& partitioned, std::uint64_t seed);

  /// What is next by the mix.
  CallKind draw();
  /// `lane` is the caller's slot among those in flight on the channel: one call at a time each.
  kj::Promise<Answer> send(Channel& channel, std::size_t lane, CallKind kind);

 private:
  kj::Promise<Answer> ping(Channel& channel);
  kj::Promise<Answer> get(Channel& channel);
  kj::Promise<Answer> neighbors(Channel& channel);
  kj::Promise<Answer> expand(Channel& channel, unsigned hops);
  kj::Promise<Answer> recall(Channel& channel);
  kj::Promise<Answer> submit(Channel& channel, std::size_t lane, client::Batch batch);
  client::Batch puts();
  client::Batch links();

  /// One call in 64 has its messages measured: walking through a large answer costs more than taking it.
  bool measure_sizes() { return (calls_++ & 63) == 0; }
  std::uint64_t next_index();
  void set_key(schema::VertexRef::Builder vertex);
  std::string_view key_in(const std::vector<std::uint64_t>& indexes, char (&buffer)[24]);

  const BenchOptions& options_;
  const PartitionedKeys& partitioned_;
  std::vector<double> cumulative_;
  KeyDraw draw_;
  std::uint64_t calls_ = 0;
};

}  // namespace engram::loadgen
