#pragma once
// Builds one atomic change. Everything goes straight into the Cap'n Proto message that the engine will log.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/engram/types.h"

namespace engram::client {

enum class PutMode : std::uint16_t {
  upsert,   // create it, or change what is there
  create,   // an error if it is there
  update,   // an error if it is not
};

struct VertexOptions {
  PutMode mode = PutMode::upsert;
  std::vector<std::string> labels = {};          // added; with `replace`, all that it will have
  std::vector<std::string> remove_labels = {};
  std::vector<Property> properties = {};         // set one by one, null removes; with `replace`, all that it will have
  bool replace = false;
};

struct EdgeOptions {
  std::int64_t rank = 0;
  PutMode mode = PutMode::upsert;
  double weight = 1.0;
  bool keep_weight = false;   // on update: leave the weight as it is
  std::vector<Property> properties = {};
  bool replace = false;
  bool create_missing = false;   // create source and target without labels where they are not there
};

/// One atomic change: applied whole or not at all, in order. Made by the caller, handed to Client::submit or Loader::add.
/// Not safe for use by several threads at once. Text is copied in; nothing that is passed has to live on.
/// Limits (10,000 operations, 4 MiB) are checked by Client and engine, not here: see operations() and size_bytes().
class Batch {
 public:
  /// `expected_operations`, if it is exact, saves a copy of the message; anything else works too.
  explicit Batch(std::size_t expected_operations = 16);
  ~Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;

  Batch& put_vertex(std::string_view key, const VertexOptions& options = {});
  Batch& delete_vertex(std::string_view key, bool if_exists = false);
  Batch& link(std::string_view source, std::string_view type, std::string_view target, const EdgeOptions& options = {});
  Batch& unlink(const EdgeKey& edge, bool if_exists = false);

  // All hold at once, and before the first operation, or nothing is changed (precondition_failed).
  Batch& require_vertex(std::string_view key);
  Batch& require_no_vertex(std::string_view key);
  Batch& require_vertex_version(std::string_view key, std::uint64_t version);
  /// A null value: the property is absent.
  Batch& require_vertex_property(std::string_view key, const Property& property);
  Batch& require_edge(const EdgeKey& edge);
  Batch& require_no_edge(const EdgeKey& edge);
  Batch& require_edge_version(const EdgeKey& edge, std::uint64_t version);
  Batch& require_edge_property(const EdgeKey& edge, const Property& property);

  [[nodiscard]] std::size_t operations() const;
  [[nodiscard]] bool empty() const { return operations() == 0; }
  /// About what the message has grown to, never less than what is sent.
  [[nodiscard]] std::size_t size_bytes() const;

  /// A batch of its own of the operations [first, first + count), without the preconditions: to send a part again of one
  /// that failed.
  [[nodiscard]] Batch slice(std::size_t first, std::size_t count) const;

  /// The keys that an operation names: a vertex's own, or an edge's source and target. To say which one was refused.
  [[nodiscard]] std::vector<std::string> keys_of(std::size_t operation) const;

  /// Used by the client library: the sealed message. Nothing can be added after that.
  struct Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace engram::client
