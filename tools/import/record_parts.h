#pragma once
// Records that one operation of a command cannot hold: what was put by many commands comes back from an export as one row.

#include <cstddef>

#include "tools/import/record.h"

namespace engram::import {

/// Labels or properties of one operation: the engine refuses more.
inline constexpr std::size_t max_names_of_operation = 1024;

/// Whether one operation may name so many labels and properties as the record does.
bool has_few_names(const Record& record);
const std::vector<client::Property>& properties_of(const Record& record);

/// Cuts a record into upserts that each fit, and that applied one after the other do what the whole would. A value that
/// takes more than `max_bytes` alone comes in a part of its own: to be refused for what it is.
class RecordParts {
 public:
  /// `whole` has to live on.
  RecordParts(const Record& whole, std::size_t max_bytes) : whole_(whole), max_bytes_(max_bytes) {}

  /// False: there are no more. Its views are those of the whole.
  bool next(Record& part);

 private:
  void begin(Record& part) const;

  const Record& whole_;
  const std::size_t max_bytes_;
  bool first_ = true;
  std::size_t labels_ = 0;       // that are in parts
  std::size_t properties_ = 0;
};

}  // namespace engram::import
