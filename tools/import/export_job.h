#pragma once
// A whole export: scans a space and writes what import reads.

#include <cstdint>
#include <functional>
#include <string>

#include "client/engram/types.h"
#include "storage/files/files.h"
#include "tools/import/format.h"
#include "tools/import/progress.h"

namespace engram::import {

/// Streams every vertex with its outgoing edges, page by page. What `on_page` answers ends the scan if it is an error.
using GraphScan = std::function<Status(const std::function<Status(const client::ScanPage& page)>& on_page)>;

struct ExportOptions {
  Format format = Format::jsonl;   // csv_neo4j, csv_gremlin or jsonl
  std::string vertices_path;       // empty: no vertices
  std::string edges_path;          // empty: no edges. JSON Lines may have both in one file
};

struct ExportSummary {
  std::uint64_t vertices = 0;
  std::uint64_t edges = 0;
  std::uint64_t bytes = 0;
};

/// The files appear when they are whole. CSV takes two scans, the first to learn the columns; a graph that gets new
/// properties in between is an error. What is exported is every vertex as it is when its page is read, not the state at
/// one moment.
Result<ExportSummary> run_export(const ExportOptions& options, const GraphScan& scan, Files& files,
                                 ProgressLine& progress);

}  // namespace engram::import
