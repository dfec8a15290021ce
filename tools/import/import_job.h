#pragma once
// A whole import: reads the headers of all files before anything is changed, then vertices, then edges.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tools/import/batch_feeder.h"
#include "tools/import/progress.h"
#include "tools/import/record_reader.h"

namespace engram::import {

struct InputFile {
  std::string path;   // "-": standard input
  Expected expected = Expected::anything;
};

struct ImportOptions {
  std::vector<InputFile> inputs;
  ReadOptions read;
  /// Keys are "group:id" where a Neo4j header names a group of ids. Not chosen: an error if the files name several
  /// groups, since the same id in two of them would be one vertex.
  std::optional<bool> prefix_id_groups;
  std::string reject_path;   // empty: the first bad row ends the import
  FeederOptions feeder;
};

struct ImportSummary {
  std::uint64_t vertices = 0;   // rows that were sent
  std::uint64_t edges = 0;
  std::uint64_t rejected = 0;
};

/// Made once for each import. The order of calls is open, run.
class ImportJob {
 public:
  ImportJob(ImportOptions options, Files& files, ProgressLine& progress);

  /// Opens every file and reads every header: what is wrong there is found before anything is changed. Pipes stay open,
  /// files are opened again when it is their turn: there may be more of them than a process may have open.
  Status open();

  /// Loads all. After an error, what had been applied stays; running it again changes it to the same and goes on.
  /// `feeder().on_failure` has to be what the target calls for failed batches.
  Status run(BatchTarget& target);

  /// Whether an error of `run` is about a file: one that is read, or the reject file.
  [[nodiscard]] bool failed_locally() const { return reading_failed_ || (rejects_ != nullptr && rejects_->failed()); }

  [[nodiscard]] BatchFeeder& feeder() { return *feeder_; }
  [[nodiscard]] const ImportSummary& summary() const { return summary_; }

 private:
  struct Pass {
    std::unique_ptr<RecordReader> reader;   // of a pipe; a file's is opened by its pass
    std::string path;
    Expected expected = Expected::anything;
    std::optional<RecordKind> kind;         // none: both
    Part part = Part::everything;
  };

  [[nodiscard]] Status check_named_once() const;
  Status open_input(const InputFile& input);
  Status open_again(Pass& pass);
  [[nodiscard]] Status check_id_groups() const;
  Status run_pass(Pass& pass);
  void show(const RecordReader& reader);
  [[nodiscard]] ReadOptions read_options(Expected expected) const;

  ImportOptions options_;
  Files& files_;
  ProgressLine& progress_;
  std::unique_ptr<RejectFile> rejects_;
  std::optional<BatchFeeder> feeder_;
  std::vector<Pass> vertex_passes_;
  std::vector<Pass> mixed_passes_;   // from pipes: in one pass
  std::vector<Pass> edge_passes_;
  std::set<std::string> id_groups_;
  ImportSummary summary_;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t done_bytes_ = 0;     // of finished passes
  bool total_is_known_ = true;
  bool reading_failed_ = false;
};

}  // namespace engram::import
