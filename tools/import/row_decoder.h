#pragma once
// Rows of cells to records, by the columns of their file. Pure: knows no file and no engine.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/import/columns.h"
#include "tools/import/csv_reader.h"
#include "tools/import/record.h"

namespace engram::import {

struct DecoderOptions {
  std::string edge_type = {};      // for rows that name none; empty: such a row is bad
  bool create_missing = false;     // edges create their ends where they are not there
  bool prefix_id_groups = false;   // keys are "group:id" where the header names a group
};

/// Fills one record after another. Not for two rows at once: keys with a group are put together here.
class RowDecoder {
 public:
  RowDecoder(Columns columns, DecoderOptions options);

  /// False: the row is bad, for the reason problem(). `raw_bytes` is the row's length, to point behind its last cell.
  bool decode(std::span<const Cell> cells, std::size_t raw_bytes, Record& record);
  [[nodiscard]] const Problem& problem() const { return problem_; }
  [[nodiscard]] const Columns& columns() const { return columns_; }

 private:
  bool fail(const Cell& cell, std::string message);
  bool take_key(const Column& column, const Cell& cell, std::string& composed, std::string_view& key);
  bool take_text_role(const Column& column, const Cell& cell, Record& record);
  bool take_number_role(const Column& column, const Cell& cell, Record& record);
  bool take_property(const Column& column, const Cell& cell, PropertyFiller& properties);
  void take_labels(const Cell& cell, std::vector<std::string>& labels);

  Columns columns_;
  DecoderOptions options_;
  Problem problem_;
  std::string composed_key_;
  std::string composed_source_;
  std::string composed_target_;
  client::Value number_;
};

/// What keys and types have to be, whatever format they come from. Empty: all is well.
std::string problem_of_key(std::string_view key);
std::string problem_of_type(std::string_view type);

}  // namespace engram::import
