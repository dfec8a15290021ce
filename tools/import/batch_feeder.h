#pragma once
// Records in, batches out: cuts the stream into commands, keeps rows that change the same thing in order, and finds the
// row that made a batch fail.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/engram/loader.h"
#include "tools/import/in_flight_keys.h"
#include "tools/import/record.h"
#include "tools/import/reject_file.h"

namespace engram::import {

/// How large a command may be.
struct CommandBounds {
  std::size_t bytes = std::size_t{4} << 20;
  std::size_t operations = 10'000;
};

/// Where batches go. They settle in the order in which they were added; one that fails is handed to the feeder's
/// on_failure.
class BatchTarget {
 public:
  virtual ~BatchTarget() = default;
  virtual Status add(client::Batch batch) = 0;
  virtual Status flush() = 0;
  [[nodiscard]] virtual const client::LoadTotals& totals() const = 0;
  [[nodiscard]] virtual CommandBounds bounds() const = 0;
  /// The partition of a vertex. Only speed depends on it.
  [[nodiscard]] virtual PartitionId owner_of(std::string_view key) const = 0;
};

struct FeederOptions {
  std::size_t batch_operations = 2000;
  std::size_t batch_bytes = std::size_t{1} << 20;            // about; a batch of one record may be larger
};

/// Each batch is applied whole or not at all, so a load that was killed left whole batches, and to start it again
/// changes them to what they are. Vertices are all applied before the first edge behind them is sent.
///
/// A batch holds the vertices of one partition, or the edges from one partition to one other (or the same): half of the
/// engine's work on a batch that is spread over partitions is to make it one transaction. So rows leave in another order
/// than they came in, but never two rows that change the same thing.
///
/// A record that no command can hold is sent in parts, one after the other: a load that was killed may have left some of
/// them. If a part is refused, the row is, and the parts behind it are left out.
///
/// With a reject file, a row that the engine refuses is written there, and the others of its batch are sent again in
/// smaller batches; without one, the first such row ends the load.
class BatchFeeder {
 public:
  /// `rejects` may be null. Before the first record: set_target, which needs on_failure of this object.
  BatchFeeder(FeederOptions options, RejectFile* rejects);
  void set_target(BatchTarget& target);

  /// The records that follow are of this file.
  Status begin_file(const std::string& name);
  /// An error ends the load.
  Status add(const Record& record, TextPosition position, std::string_view raw);
  /// For a row that is no record.
  Status reject(const RowError& error, std::string_view raw);
  /// Sends the rest, and waits for all.
  Status finish();

  /// What the target calls for a batch that failed for good. False: the load ends.
  bool on_failure(client::Batch& batch, const client::Outcome& outcome);

 private:
  /// Which rows are in a batch, operation by operation.
  struct Row {
    std::uint64_t line = 1;
    std::uint64_t identity = 0;          // of what it changes
    std::size_t raw_end = 0;             // in `raws`
    std::uint32_t first_key_offset = 0;  // of the vertex, or the source
    std::uint32_t last_key_offset = 0;   // of the target
  };
  struct Rows {
    std::string file;
    std::vector<Row> rows;
    std::string raws;

    void add(const Row& row, std::string_view raw);
    [[nodiscard]] std::string_view raw(std::size_t row) const;
    [[nodiscard]] Rows slice(std::size_t first, std::size_t count) const;
    /// Of what the engine's answer names, or of the row as a whole.
    [[nodiscard]] TextPosition position(std::size_t row, std::string_view field) const;
  };
  struct Piece {
    client::Batch batch;
    Rows rows;
    std::size_t bytes = 0;
  };
  /// The partitions of a vertex (twice the same), or of an edge's source and target.
  using Route = std::pair<PartitionId, PartitionId>;

  Status add_in_parts(const Record& record, TextPosition position, std::string_view raw);
  [[nodiscard]] static Row row_of(const Record& record, TextPosition position);
  [[nodiscard]] std::size_t room_bytes() const;   // for the operations of a command
  [[nodiscard]] Route route_of(const Record& record) const;
  Piece& open_piece(Route route);
  Piece take(Route route);
  Status send(Piece piece);
  Status send_all();
  Status send_largest();
  Status submit(client::Batch batch, Rows rows);
  Status settle();
  void forget_settled();
  void send_again_without(client::Batch& batch, const Rows& rows, std::size_t bad_row);
  [[nodiscard]] Status failure(Status status) const;
  [[nodiscard]] std::uint64_t settled() const { return target_->totals().batches + target_->totals().failed; }

  FeederOptions options_;
  RejectFile* rejects_;
  BatchTarget* target_ = nullptr;
  CommandBounds bounds_;

  std::string file_;
  std::map<Route, Piece> open_;     // being filled
  std::size_t open_rows_ = 0;       // in all of them
  RecordKind last_kind_ = RecordKind::edge;
  InFlightKeys keys_;
  std::uint64_t submitted_ = 0;

  std::deque<Rows> in_flight_;      // of the batches added and not known to be settled, oldest first
  std::uint64_t forgotten_ = 0;
  std::deque<Piece> again_;         // of batches that failed, to be sent before anything else
  std::string failure_;             // of the row that ended the load
};

}  // namespace engram::import
