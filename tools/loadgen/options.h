#pragma once
// What a benchmark run is to do.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/engram/client.h"
#include "storage/base/result.h"
#include "tools/loadgen/keys.h"

namespace engram::loadgen {

enum class CallKind : std::uint8_t { ping, get, neighbors, expand2, expand3, recall, put, link };
constexpr std::array<std::string_view, 8> call_names = {"ping",    "get",    "neighbors", "expand2",
                                                        "expand3", "recall", "put",       "link"};

struct Share {
  CallKind call = CallKind::get;
  double weight = 1;
};

/// "get=80,put=20", or "get" alone.
Result<std::vector<Share>> parse_mix(const std::string& text);

struct BenchOptions {
  client::Options client;                 // of every connection
  std::vector<Share> mix = {Share{}};
  KeySpace keys = KeySpace::numbers(1000);
  double zipf_exponent = 0;               // 0: uniform
  std::uint64_t seed = 1;

  unsigned threads = 1;
  unsigned connections = 1;               // all together, dealt out over the threads
  unsigned in_flight = 1;                 // on each connection
  double rate = 0;                        // calls a second, all together (open loop); 0: closed loop
  double seconds = 10;
  std::uint64_t calls = 0;                // instead of seconds; 0: by time
  double warmup_seconds = 1;

  /// If not empty: only vertices of these partitions are asked for and changed, and are the sources of links. So one can ask a
  /// node for what it owns, or for what it does not own.
  std::vector<std::uint16_t> key_partitions;
  std::vector<std::uint16_t> target_partitions;  // the same for the targets of links; with key_partitions, or neither

  unsigned bulk = 1;                      // keys in a get
  unsigned batch = 1;                     // operations in a put or link
  bool batch_in_one_partition = false;    // else a batch's keys are drawn freely
  bool return_properties = true;          // of gets
  std::uint32_t timeout_ms = 5000;        // of a call

  bool floors = true;
  std::string floor_dir;                  // where to measure fdatasync; empty: not at all
};

/// "0,3,6".
Result<std::vector<std::uint16_t>> parse_partitions(const std::string& option, const std::string& text);

/// What cannot be run, with the option's name.
Status check(const BenchOptions& options);

}  // namespace engram::loadgen
