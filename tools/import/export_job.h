#pragma once
// A whole export: scans a space and writes what import reads.

#include <cstdint>
#include <functional>
#include <string>

#include "client/engram/types.h"
#include "storage/files/files.h"
#include "tools/import/atomic_file.h"
#include "tools/import/format.h"
#include "tools/import/progress.h"

namespace engram::import {

/// Streams every vertex, with its outgoing edges if they are asked for, page by page. What `on_page` answers ends the scan
/// if it is an error.
using GraphScan =
    std::function<Status(bool with_edges, const std::function<Status(const client::ScanPage& page)>& on_page)>;

struct ExportOptions {
  Format format = Format::jsonl;   // csv_neo4j, csv_gremlin or jsonl
  std::string vertices_path;       // empty: no vertices
  std::string edges_path;          // empty: no edges. JSON Lines may have both in one file
  TextOutput* stream = nullptr;    // what the path "-" means: standard output
};

struct ExportSummary {
  std::uint64_t vertices = 0;
  std::uint64_t edges = 0;
  std::uint64_t bytes = 0;
};

struct ExportEnd {
  Status status;
  bool is_local = false;   // the error is one of the files, not of the engine or the graph
  ExportSummary summary;
};

/// Whether something may be exported so; nothing is opened for it.
Status check(const ExportOptions& options);

/// The files appear when they are whole. CSV takes two scans, the first to learn the columns; a graph that gets new
/// properties in between is an error. So does a stream of both vertices and edges, one for each. What is exported is every
/// vertex as it is when its page is read, not the state at one moment.
ExportEnd run_export(const ExportOptions& options, const GraphScan& scan, Files& files, ProgressLine& progress);

}  // namespace engram::import
