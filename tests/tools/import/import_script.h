#pragma once
// Helpers that make the import tests read like scripts: text in, records or errors out.

#include <memory>
#include <string>
#include <vector>

#include "tools/import/record_reader.h"

namespace engram::import::test {

/// A record that lives on after its row.
struct Kept {
  RecordKind kind = RecordKind::vertex;
  std::string key;
  std::vector<std::string> labels;
  std::string source;
  std::string type;
  std::string target;
  std::int64_t rank = 0;
  double weight = 1.0;
  bool keep_weight = false;
  std::vector<client::Property> properties;

  [[nodiscard]] const client::Value* property(std::string_view name) const {
    return client::find_property(properties, name);
  }
};

inline Kept keep(const Record& record) {
  Kept kept;
  kept.kind = record.kind;
  if (record.kind == RecordKind::vertex) {
    kept.key = record.key;
    kept.labels = record.vertex.labels;
    kept.properties = record.vertex.properties;
  } else {
    kept.source = record.source;
    kept.type = record.type;
    kept.target = record.target;
    kept.rank = record.edge.rank;
    kept.weight = record.edge.weight;
    kept.keep_weight = record.edge.keep_weight;
    kept.properties = record.edge.properties;
  }
  return kept;
}

/// What a file means: its records, and the text of every error, those of the header included.
struct Reading {
  std::vector<Kept> records;
  std::vector<std::string> errors;
  std::vector<std::string> rejected_rows;
};

inline Reading read_records(const std::string& text, const ReadOptions& options = {}, Part part = Part::everything) {
  Reading reading;
  auto opened = RecordReader::open(std::make_unique<MemorySource>(text), "file", options);
  if (!opened.ok()) {
    reading.errors.push_back(opened.status().message());
    return reading;
  }
  auto& reader = *opened.value();
  reader.only(part);
  Record record;
  for (;;) {
    switch (reader.next(record)) {
      case RecordReader::Next::record: reading.records.push_back(keep(record)); break;
      case RecordReader::Next::bad_row:
        reading.errors.push_back(reader.error().text());
        reading.rejected_rows.emplace_back(reader.raw());
        break;
      case RecordReader::Next::failed: reading.errors.push_back(reader.error().text()); return reading;
      case RecordReader::Next::end: return reading;
    }
  }
}

inline ReadOptions with_type(std::string edge_type) {
  ReadOptions options;
  options.decoder.edge_type = std::move(edge_type);
  return options;
}

}  // namespace engram::import::test
