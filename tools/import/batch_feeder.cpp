#include "tools/import/batch_feeder.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "tools/import/record_parts.h"

namespace engram::import {

namespace {

constexpr std::size_t command_overhead_bytes = 256;
constexpr std::size_t no_row = SIZE_MAX;
constexpr std::size_t max_open_batches = 32;   // full ones, by their rows: what rows on their way into batches may take

/// Whether another row in its place might have been fine. Everything else (no room, no right, no answer) ends the load.
bool is_about_a_row(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::too_large:
    case Code::unknown_vertex:
    case Code::vertex_exists:
    case Code::unknown_edge:
    case Code::edge_exists: return true;
    default: return false;
  }
}

/// 3 of "operations[3].key".
std::size_t row_of_field(std::string_view field, std::size_t rows) {
  constexpr std::string_view prefix = "operations[";
  std::size_t row = 0;
  if (field.starts_with(prefix)) {
    field.remove_prefix(prefix.size());
    auto [stopped, error] = std::from_chars(field.data(), field.data() + field.size(), row);
    if (error == std::errc() && row < rows) return row;
  }
  return rows == 1 ? 0 : no_row;
}

/// What was refused, for a person who knows rows and keys, not operations and their fields.
std::string reason_of(const Status& status, const client::Batch& batch, std::size_t row) {
  const std::string& field = status.field();
  auto keys = batch.keys_of(row);
  bool is_edge = keys.size() == 2;
  const char* role = field.ends_with(".key") ? "vertex" : nullptr;
  if (is_edge && field.ends_with(".source")) role = "source";
  if (is_edge && field.ends_with(".target")) role = "target";
  if (role == nullptr) return status.message() + (field.empty() ? "" : " (" + field.substr(field.find('.') + 1) + ")");
  std::string key = '"' + (field.ends_with(".target") ? keys.back() : keys.front()) + '"';
  if (is_edge && status.code() == Code::unknown_vertex)
    return "there is no vertex " + key + ", the edge's " + role +
           " (import the vertices too, or let --create-missing make them)";
  bool names_it = status.code() == Code::unknown_vertex || status.code() == Code::vertex_exists;
  return names_it ? status.message() : std::string(role) + ' ' + key + ": " + status.message();
}

void put(const Record& record, client::Batch& batch) {
  if (record.kind == RecordKind::edge) {
    batch.link(record.source, record.type, record.target, record.edge);
  } else {
    batch.put_vertex(record.key, record.vertex);
  }
}

}  // namespace

void BatchFeeder::Rows::add(const Row& row, std::string_view raw) {
  raws += raw;
  rows.push_back(row);
  rows.back().raw_end = raws.size();
}

std::string_view BatchFeeder::Rows::raw(std::size_t row) const {
  std::size_t begin = row == 0 ? 0 : rows[row - 1].raw_end;
  return std::string_view(raws).substr(begin, rows[row].raw_end - begin);
}

BatchFeeder::Rows BatchFeeder::Rows::slice(std::size_t first, std::size_t count) const {
  Rows part;
  part.file = file;
  for (std::size_t row = first; row < first + count; ++row) part.add(rows[row], raw(row));
  return part;
}

TextPosition BatchFeeder::Rows::position(std::size_t row, std::string_view field) const {
  std::size_t offset = 0;
  if (field.ends_with(".key") || field.ends_with(".source")) offset = rows[row].first_key_offset;
  if (field.ends_with(".target")) offset = rows[row].last_key_offset;
  return position_after({rows[row].line, 1}, raw(row).substr(0, offset));
}

BatchFeeder::BatchFeeder(FeederOptions options, RejectFile* rejects) : options_(options), rejects_(rejects) {}

void BatchFeeder::set_target(BatchTarget& target) {
  target_ = &target;
  bounds_ = target.bounds();
  options_.batch_operations = std::min(options_.batch_operations, bounds_.operations);
}

Status BatchFeeder::begin_file(const std::string& name) {
  Status status = send_all();
  file_ = name;
  return status;
}

Status BatchFeeder::add(const Record& record, TextPosition position, std::string_view raw) {
  std::size_t bytes = encoded_bytes(record);
  bool is_edge = record.kind == RecordKind::edge;
  bool edges_begin = is_edge && last_kind_ == RecordKind::vertex;
  last_kind_ = record.kind;
  if (edges_begin) {
    if (Status status = send_all(); !status.ok()) return status;
    if (Status status = settle(); !status.ok()) return status;
  }
  if (bytes > room_bytes() || !has_few_names(record)) return add_in_parts(record, position, raw);
  Route route = route_of(record);
  if (Piece& piece = open_piece(route); piece.rows.rows.size() == options_.batch_operations ||
                                        piece.bytes + bytes > std::min(options_.batch_bytes, room_bytes()))
    if (Status status = send(take(route)); !status.ok()) return status;
  if (open_rows_ >= max_open_batches * options_.batch_operations)
    if (Status status = send_largest(); !status.ok()) return status;
  Piece& piece = open_piece(route);
  put(record, piece.batch);
  piece.bytes += bytes;
  ++open_rows_;
  piece.rows.add(row_of(record, position), raw);
  return {};
}

/// With nothing else on its way, so that no other row is about the same vertex or edge, and what is refused is this one.
Status BatchFeeder::add_in_parts(const Record& record, TextPosition position, std::string_view raw) {
  for (const auto& property : properties_of(record)) {
    std::size_t bytes = encoded_bytes(property);
    if (bytes > bounds_.bytes)
      return reject({file_, position,
                     "property \"" + property.name + "\" takes " + std::to_string(bytes) +
                         " bytes, and a command has at most " + std::to_string(bounds_.bytes)},
                    raw);
  }
  if (Status status = send_all(); !status.ok()) return status;
  if (Status status = settle(); !status.ok()) return status;
  std::uint64_t rejected = rejects_ == nullptr ? 0 : rejects_->count();
  RecordParts parts(record, room_bytes());
  for (Record part; parts.next(part);) {
    client::Batch batch(1);
    put(part, batch);
    Rows rows;
    rows.file = file_;
    rows.add(row_of(record, position), raw);
    if (Status status = submit(std::move(batch), std::move(rows)); !status.ok()) return status;
    if (Status status = settle(); !status.ok()) return status;
    if (rejects_ != nullptr && rejects_->count() > rejected) return {};
  }
  return {};
}

BatchFeeder::Row BatchFeeder::row_of(const Record& record, TextPosition position) {
  return {.line = position.line,
          .identity = identity_of(record),
          .first_key_offset = record.kind == RecordKind::edge ? record.source_offset : record.key_offset,
          .last_key_offset = record.target_offset};
}

std::size_t BatchFeeder::room_bytes() const {
  return bounds_.bytes - std::min(bounds_.bytes, command_overhead_bytes);
}

BatchFeeder::Route BatchFeeder::route_of(const Record& record) const {
  if (record.kind == RecordKind::edge) return {target_->owner_of(record.source), target_->owner_of(record.target)};
  PartitionId owner = target_->owner_of(record.key);
  return {owner, owner};
}

BatchFeeder::Piece& BatchFeeder::open_piece(Route route) {
  auto found = open_.find(route);
  if (found != open_.end()) return found->second;
  Piece& piece = open_.emplace(route, Piece{client::Batch(options_.batch_operations), {}, 0}).first->second;
  piece.rows.file = file_;
  piece.rows.rows.reserve(options_.batch_operations);
  return piece;
}

BatchFeeder::Piece BatchFeeder::take(Route route) {
  Piece piece = std::move(open_.extract(route).mapped());
  open_rows_ -= piece.rows.rows.size();
  return piece;
}

Status BatchFeeder::reject(const RowError& error, std::string_view raw) {
  if (rejects_ == nullptr) return {Code::invalid_argument, error.text()};
  return rejects_->add(error, raw);
}

Status BatchFeeder::send(Piece piece) {
  if (piece.rows.rows.empty()) return {};
  auto note_keys = [&] {
    constexpr std::size_t ahead = 8;
    const std::vector<Row>& rows = piece.rows.rows;
    bool waits_for_others = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i + ahead < rows.size()) keys_.prefetch(rows[i + ahead].identity);
      waits_for_others |= keys_.add(rows[i].identity, submitted_ + 1, settled());
    }
    return waits_for_others;
  };
  if (note_keys()) {
    if (Status status = settle(); !status.ok()) return status;
    static_cast<void>(note_keys());  // what was sent again meanwhile may have taken their number
  }
  if (Status status = submit(std::move(piece.batch), std::move(piece.rows)); !status.ok()) return status;
  return again_.empty() ? Status() : settle();
}

Status BatchFeeder::send_all() {
  while (!open_.empty())
    if (Status status = send(take(open_.begin()->first)); !status.ok()) return status;
  return {};
}

Status BatchFeeder::send_largest() {
  auto fewer_rows = [](const auto& a, const auto& b) {
    return a.second.rows.rows.size() < b.second.rows.rows.size();
  };
  return send(take(std::max_element(open_.begin(), open_.end(), fewer_rows)->first));
}

Status BatchFeeder::submit(client::Batch batch, Rows rows) {
  forget_settled();
  ++submitted_;
  in_flight_.push_back(std::move(rows));
  return failure(target_->add(std::move(batch)));
}

/// Waits until everything sent is applied, or rejected.
Status BatchFeeder::settle() {
  for (;;) {
    if (Status status = target_->flush(); !status.ok()) return failure(status);
    if (again_.empty()) return {};
    Piece piece = std::move(again_.front());
    again_.pop_front();
    // One at a time: the rows of the failed batch may have been about the same vertex.
    if (Status status = submit(std::move(piece.batch), std::move(piece.rows)); !status.ok()) return status;
  }
}

Status BatchFeeder::finish() {
  if (Status status = send_all(); !status.ok()) return status;
  return settle();
}

void BatchFeeder::forget_settled() {
  for (; forgotten_ < settled() && !in_flight_.empty(); ++forgotten_) in_flight_.pop_front();
}

/// With the place of the row, if it was a row.
Status BatchFeeder::failure(Status status) const {
  if (status.ok() || failure_.empty()) return status;
  return {status.code(), failure_};
}

bool BatchFeeder::on_failure(client::Batch& batch, const client::Outcome& outcome) {
  forget_settled();
  const Rows rows = std::move(in_flight_.front());
  in_flight_.pop_front();
  ++forgotten_;
  const Status& status = outcome.status;
  bool about_a_row = outcome.fate == client::Fate::failed && is_about_a_row(status.code());
  std::size_t row = about_a_row ? row_of_field(status.field(), rows.rows.size()) : no_row;
  RowError error;
  if (row != no_row) error = {rows.file, rows.position(row, status.field()), reason_of(status, batch, row)};
  if (!about_a_row || rejects_ == nullptr) {
    failure_ = row != no_row ? error.text()
                             : rows.file + ':' + std::to_string(rows.rows.front().line) + " to line " +
                                   std::to_string(rows.rows.back().line) + ": " + status.message();
    return false;
  }
  if (row != no_row) {
    Status written = rejects_->add(error, rows.raw(row));
    if (!written.ok()) {
      failure_ = written.message();
      return false;
    }
  }
  send_again_without(batch, rows, row);
  return true;
}

/// In eighths: one bad row costs little, and even a batch of nothing but bad rows is sent only a few times over.
void BatchFeeder::send_again_without(client::Batch& batch, const Rows& rows, std::size_t bad_row) {
  std::size_t piece_rows = std::max<std::size_t>(1, rows.rows.size() / 8);
  std::vector<Piece> pieces;
  for (std::size_t first = 0; first < rows.rows.size();) {
    std::size_t end = std::min(first + piece_rows, rows.rows.size());
    if (first == bad_row) {
      ++first;
      continue;
    }
    if (bad_row != no_row && first < bad_row) end = std::min(end, bad_row);
    pieces.push_back({batch.slice(first, end - first), rows.slice(first, end - first), 0});
    first = end;
  }
  again_.insert(again_.begin(), std::make_move_iterator(pieces.begin()), std::make_move_iterator(pieces.end()));
}

}  // namespace engram::import
