#pragma once
// An engine without a graph, for tests of the load generator: it answers every call, remembers what is written, and does what
// the test tells it to.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace engram::loadgen::test {

/// What a test tells the engine, and what the engine saw. Filled by the engine's thread.
struct FakeBehaviour {
  std::uint64_t vertices = 1000;               // keys "0" to this one less one exist; odd ones live in partition 1
  std::atomic<std::uint64_t> gets{0};
  std::atomic<std::uint64_t> keys{0};
  std::atomic<std::uint64_t> stall_at_get{0};  // this get of all, counted from 1, is answered late, and so are all behind it
  std::uint64_t stall_ms = 0;
  std::atomic<std::uint64_t> refuse_every{0};  // every so manieth get is answered with `overloaded`

  // Writes are counted from 1, repeated ones not. 0: none.
  std::uint64_t lose_write = 0;                // acknowledged, and not kept
  std::uint64_t lose_edge_of_write = 0;
  std::uint64_t apply_twice = 0;               // acknowledged, and applied once more behind that
  std::uint64_t refuse_and_keep = 0;           // answered as refused, and kept
  std::uint64_t vague_write = 0;               // kept, and answered with `deadlineExceeded` until its session writes another

  std::mutex mutex;
  struct Submitted {
    std::uint64_t session = 0;
    std::uint64_t sequence = 0;
    std::uint64_t first_incomplete = 0;
    std::size_t operations = 0;
    std::vector<std::pair<std::string, std::string>> links;
    std::vector<std::string> puts;
  };
  std::vector<Submitted> submitted;
  struct Stored {
    std::int64_t number = 0;                   // its property
    std::uint64_t version = 0;
    std::int64_t created_ns = 0;
    std::int64_t changed_ns = 0;
  };
  std::map<std::string, Stored> stored;        // vertices by their keys
  std::map<std::pair<std::string, std::string>, Stored> edges;   // by source and target
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> versions;   // of commands, by session and sequence
};

class FakeEngine {
 public:
  explicit FakeEngine(FakeBehaviour& behaviour);
  ~FakeEngine();
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  struct Stop;
  std::string address_;
  std::unique_ptr<Stop> stop_;
  std::thread thread_;
};

}  // namespace engram::loadgen::test
