#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "storage/base/number_text.h"
#include "storage/files/posix_files.h"
#include "tools/engram/output.h"
#include "tools/import/add_import.h"
#include "tools/import/export_job.h"
#include "tools/import/output_path.h"

namespace engram::cli {

namespace {

struct ExportArguments {
  import::ExportOptions options;
  std::string format = "jsonl";
  std::string output;
  std::string label;
};

constexpr const char* examples = R"(Formats:
  jsonl        every kind of value without loss; vertices and edges in one file (-o) or in two
  csv-neo4j    for Neo4j's bulk import and others, with --nodes and --edges
  csv-gremlin  the same for Neptune and others
A CSV column has one type, so for CSV the graph is read twice, and values that do not fit (lists of lists, a property
that is a number here and a text there) are an error.

A file appears under its name when it is whole; - is standard output (with -o, the graph is read twice then). Keys,
labels, types, ranks, weights and properties are kept; ids, times and versions are not.

Examples:
  engram export -o graph.jsonl
  engram export --format csv-neo4j --nodes vertices.csv --edges edges.csv
  engram export --label airport --nodes airports.jsonl
  engram export -o - | zstd > graph.jsonl.zst)";

/// Standard output as an export writes it. What is wrong with it is reported when the program ends.
class StandardOutput final : public import::TextOutput {
 public:
  Status append(std::string_view text) override {
    write_output(text);
    size_bytes_ += text.size();
    return state();
  }
  Status commit() override {
    flush_output();
    return state();
  }
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_; }

 private:
  static Status state() {
    return output_is_lost() ? Status(Code::internal, "standard output cannot be written") : Status();
  }
  std::uint64_t size_bytes_ = 0;
};

Status read_arguments(ExportArguments& arguments) {
  auto& options = arguments.options;
  options.format = *import::format_named(arguments.format);
  if (!arguments.output.empty()) {
    if (!options.vertices_path.empty() || !options.edges_path.empty())
      return {Code::invalid_argument, "-o is for vertices and edges in one file: leave out --nodes and --edges"};
    options.vertices_path = options.edges_path = arguments.output;
  }
  // So that the summary, too, goes elsewhere.
  for (auto* path : {&options.vertices_path, &options.edges_path})
    if (import::is_standard_output(*path)) *path = "-";
  return import::check(options);
}

import::GraphScan scan_of(client::Client& client, const ExportArguments& arguments) {
  return [&client, &arguments](bool with_edges,
                               const std::function<Status(const client::ScanPage&)>& on_page) -> Status {
    Status stopped;
    client::ScanQuery query;
    query.label = arguments.label;
    query.edges = with_edges;
    auto scanned = client.scan(query, [&](client::ScanPage& page) {
      stopped = on_page(page);
      return stopped.ok();
    });
    return stopped.ok() ? scanned.status() : stopped;
  };
}

/// `out`: not where the graph went.
void print_summary(const Globals& globals, const import::ExportSummary& summary, std::int64_t elapsed_ns, std::FILE* out) {
  double seconds = std::max(static_cast<double>(elapsed_ns) / 1e9, 1e-6);
  if (globals.json) {
    nlohmann::ordered_json json{{"vertices", summary.vertices},
                                {"edges", summary.edges},
                                {"bytes", summary.bytes},
                                {"seconds", seconds}};
    std::fprintf(out, "%s\n", json.dump().c_str());
    return;
  }
  std::fprintf(out, "%s and %s, %s in %.1f s\n", counted(summary.vertices, "vertex", "vertices").c_str(),
               counted(summary.edges, "edge", "edges").c_str(), counted(summary.bytes, "byte", "bytes").c_str(), seconds);
}

void run_export(Globals& globals, ExportArguments& arguments) {
  if (Status status = read_arguments(arguments); !status.ok()) {
    report_error(globals, status);
    globals.exit_code = exit_usage;
    return;
  }
  auto connected = connect(globals);
  if (!connected.ok()) return;
  PosixFiles files;
  SystemClock clock;
  StandardOutput stream;
  arguments.options.stream = &stream;
  bool streams = arguments.options.vertices_path == "-" || arguments.options.edges_path == "-";
  bool draws = progress_on_error_output() && !(streams && ::isatty(STDOUT_FILENO) == 1);
  import::ProgressLine progress(clock, draws ? stderr : nullptr);
  auto end = import::run_export(arguments.options, scan_of(connected.value(), arguments), files, progress);
  if (output_is_lost()) return;
  if (!end.status.ok()) {
    report_error(globals, end.status);
    if (end.is_local) globals.exit_code = exit_local;
    return;
  }
  print_summary(globals, end.summary, progress.elapsed_ns(), streams ? stderr : stdout);
}

}  // namespace

void add_export(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<ExportArguments>();
  auto* command = app.add_subcommand("export", "Write vertices and edges to files that import reads");
  command->add_option("--format", arguments->format, "Of all files")
      ->check(CLI::IsMember({"jsonl", "csv-neo4j", "csv-gremlin"}))
      ->capture_default_str();
  command->add_option("-o,--output", arguments->output, "Both in one file (jsonl); -: standard output");
  command->add_option("--nodes", arguments->options.vertices_path, "The file for the vertices");
  command->add_option("--edges", arguments->options.edges_path, "The file for the edges");
  command->add_option("--label", arguments->label, "Only vertices with this label, and their outgoing edges");
  command->footer(examples);
  command->callback([&globals, arguments] { run_export(globals, *arguments); });
}

}  // namespace engram::cli
