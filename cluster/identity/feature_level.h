#pragma once
// The feature level: which messages and formats a cluster may use. A program knows all levels up to `newest_feature_level`; a
// cluster uses what belongs to the one in force, so that nodes of the version before can be among its nodes, or come back.
//
//   level 1  everything of version 0.1
//   level 2  nodes tell each other how they are (NodeStatus in schema/peer.capnp), and send several packets in one message of the
//            wire (cluster/peers/link_batch.h); partitions on a new volume ask the others for the spaces
//            (cluster/node/space_seeding.h); vertices with edges into other partitions are steps of batches
//            (schema::Deletions in schema/command.capnp)
//
// A new cluster begins at the highest level that all of its nodes know. Later only an operator raises it (`engram cluster
// finalize`); a node that hears of a higher one takes it over, and it never falls. It is kept in <data>/LEVEL.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "storage/base/result.h"
#include "storage/files/files.h"

namespace engram {

constexpr std::uint32_t newest_feature_level = 2;
constexpr std::uint32_t status_feature_level = 2;
constexpr std::uint32_t batch_feature_level = 2;
constexpr std::uint32_t spaces_feature_level = 2;
constexpr std::uint32_t deletions_feature_level = 2;

/// Of one node of a cluster. Thread-safe.
class FeatureLevel {
 public:
  /// Reads the file; without one the level is 1. Errors: unsupported (a level that this program does not know: the way back to
  /// it is closed), corrupt, those of Files.
  static Result<std::unique_ptr<FeatureLevel>> open(const std::string& data_dir, Files& files);

  [[nodiscard]] std::uint32_t in_force() const { return level_.load(std::memory_order_relaxed); }
  /// Nothing if it is in force already. Durable when it returns ok; after an error the old one holds.
  /// Errors: unsupported (not known here), those of Files.
  Status raise(std::uint32_t level);

 private:
  FeatureLevel(std::string data_dir, Files& files, std::uint32_t level)
      : data_dir_(std::move(data_dir)), files_(files), level_(level) {}

  const std::string data_dir_;
  Files& files_;
  std::mutex writing_;
  std::atomic<std::uint32_t> level_;
};

/// The text of the file, and back. `path` is for the message.
std::string format_feature_level(std::uint32_t level);
Result<std::uint32_t> parse_feature_level(std::string_view text, const std::string& path);

}  // namespace engram
