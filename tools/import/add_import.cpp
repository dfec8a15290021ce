#include "tools/import/add_import.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "storage/base/number_text.h"
#include "storage/files/posix_files.h"
#include "tools/import/import_job.h"

namespace engram::cli {

namespace {

struct ImportArguments {
  import::ImportOptions options;
  std::vector<std::string> files;
  std::vector<std::string> vertex_files;
  std::vector<std::string> edge_files;
  std::string format = "auto";
  std::string delimiter;
  std::string on_error = "stop";
  std::uint32_t in_flight = 16;
};

constexpr const char* examples = R"(Formats, told from the first lines or by --format:
  csv-neo4j    a header with :ID, :LABEL, :START_ID, :END_ID, :TYPE, name:int ...
  csv-gremlin  a header with ~id, ~label, ~from, ~to, name:Int ... (as for Neptune)
  edge-list    source and target, and perhaps a weight, in a line; # begins a comment
  vertex-list  one key a line
  jsonl        {"type":"vertex","key":...} and {"type":"edge","source":...}, as export writes them
A name that ends in .zst is decompressed on the way, and - is standard input.

Vertices are loaded before edges. What is there is changed to what the files say, so an import that was interrupted is
simply started again. Vertices and edges that the files do not name stay as they are.

Examples:
  engram import airports.csv routes.csv
  engram import --weight dist airports.csv routes.csv
  engram import --type BOUGHT_WITH --create-missing edges.csv.zst
  engram import --on-error reject=bad-rows.txt --nodes people.csv --edges knows.csv
  zcat graph.jsonl.gz | engram import -)";

/// Batches to the engine.
class EngineTarget final : public import::BatchTarget {
 public:
  EngineTarget(client::Client& client, client::LoaderOptions options)
      : client_(client), loader_(client, std::move(options)) {}
  Status add(client::Batch batch) override { return loader_.add(std::move(batch)); }
  Status flush() override { return loader_.flush(); }
  [[nodiscard]] const client::LoadTotals& totals() const override { return loader_.totals(); }
  [[nodiscard]] import::CommandBounds bounds() const override {
    return {client_.server().max_command_bytes, client_.server().max_operations};
  }
  [[nodiscard]] PartitionId owner_of(std::string_view key) const override { return client_.owner_of(key); }

 private:
  client::Client& client_;
  client::Loader loader_;
};

Status usage(std::string message) { return {Code::invalid_argument, std::move(message)}; }

Status read_arguments(ImportArguments& arguments) {
  auto& options = arguments.options;
  options.inputs.clear();  // the shell runs one command several times
  for (auto& file : arguments.files) options.inputs.push_back({file, import::Expected::anything});
  for (auto& file : arguments.vertex_files) options.inputs.push_back({file, import::Expected::vertices});
  for (auto& file : arguments.edge_files) options.inputs.push_back({file, import::Expected::edges});
  if (options.inputs.empty()) return usage("name at least one file to import");
  options.read.layout.format = *import::format_named(arguments.format);
  if (arguments.delimiter == "tab" || arguments.delimiter == "\\t") arguments.delimiter = "\t";
  if (arguments.delimiter.size() > 1) return usage("--delimiter takes one character, or the word tab");
  if (!arguments.delimiter.empty()) options.read.layout.delimiter = arguments.delimiter[0];
  constexpr std::string_view reject = "reject=";
  if (arguments.on_error.starts_with(reject) && arguments.on_error.size() > reject.size()) {
    options.reject_path = arguments.on_error.substr(reject.size());
    if (options.reject_path == "-") return usage("--on-error reject=- names no file; /dev/stdout is standard output");
  } else if (arguments.on_error != "stop") {
    return usage("--on-error takes stop or reject=FILE");
  }
  if (options.read.parallel_edges && !options.read.columns.rank_column.empty())
    return usage("--parallel counts the ranks itself: leave out --rank-from");
  return {};
}

void print_summary(const Globals& globals, const import::ImportSummary& summary, const client::LoadTotals& totals,
                   std::int64_t elapsed_ns) {
  double seconds = std::max(static_cast<double>(elapsed_ns) / 1e9, 1e-6);
  std::uint64_t rows = summary.vertices + summary.edges;
  auto rate = static_cast<std::uint64_t>(static_cast<double>(rows) / seconds);
  if (globals.json) {
    nlohmann::ordered_json json{{"vertices", summary.vertices}, {"edges", summary.edges},
                                {"created", totals.created},    {"updated", totals.updated},
                                {"rejected", summary.rejected}, {"batches", totals.batches},
                                {"retries", totals.retries},    {"seconds", seconds},
                                {"rows_per_second", rate}};
    std::printf("%s\n", json.dump().c_str());
    return;
  }
  std::printf("%s and %s in %.1f s (%s rows/s): %s created, %s changed\n",
              counted(summary.vertices, "vertex", "vertices").c_str(), counted(summary.edges, "edge", "edges").c_str(),
              seconds, grouped(rate).c_str(), grouped(totals.created).c_str(), grouped(totals.updated).c_str());
}

void fail(Globals& globals, const Status& status, ExitCode exit_code) {
  report_error(globals, status);
  globals.exit_code = exit_code;
}

void run_import(Globals& globals, ImportArguments& arguments) {
  if (Status status = read_arguments(arguments); !status.ok()) return fail(globals, status, exit_usage);
  PosixFiles files;
  SystemClock clock;
  import::ProgressLine progress(clock, progress_on_error_output() ? stderr : nullptr);
  import::ImportJob job(arguments.options, files, progress);
  // First, so that what is wrong with the files is said even where no engine runs.
  if (Status status = job.open(); !status.ok()) return fail(globals, status, exit_local);
  auto connected = connect(globals);
  if (!connected.ok()) return;
  client::LoaderOptions loading;
  loading.in_flight = arguments.in_flight;
  loading.on_failure = [&](client::Batch& batch, const client::Outcome& outcome) {
    return job.feeder().on_failure(batch, outcome);
  };
  EngineTarget target(connected.value(), std::move(loading));
  Status status = job.run(target);
  if (!status.ok()) {
    report_error(globals, status);
    bool about_a_row = status.code() == Code::invalid_argument;
    if (about_a_row || job.failed_locally()) globals.exit_code = exit_local;
    return;
  }
  print_summary(globals, job.summary(), target.totals(), progress.elapsed_ns());
  if (job.summary().rejected > 0) {
    std::fprintf(stderr, "rejected rows: %s, in %s\n", grouped(job.summary().rejected).c_str(),
                 arguments.options.reject_path.c_str());
  }
}

void add_file_options(CLI::App& command, ImportArguments& arguments) {
  command.add_option("FILE", arguments.files, "Files of vertices, edges or both");
  command.add_option("--nodes", arguments.vertex_files, "A file that holds vertices; may be given several times")
      ->allow_extra_args(false);
  command.add_option("--edges", arguments.edge_files, "A file that holds edges; may be given several times")
      ->allow_extra_args(false);
  command.add_option("--format", arguments.format, "Of all files")
      ->check(CLI::IsMember({"auto", "csv-neo4j", "csv-gremlin", "edge-list", "vertex-list", "jsonl"}))
      ->capture_default_str();
  command.add_option("--delimiter", arguments.delimiter,
                     "Between cells: one character, or tab; found out if not given");
  command.add_option("--on-error", arguments.on_error, "A bad row: stop, or reject=FILE to write it there and go on")
      ->capture_default_str();
}

void add_meaning_options(CLI::App& command, ImportArguments& arguments) {
  auto& read = arguments.options.read;
  command.add_option("--type", read.decoder.edge_type, "The type of edges whose row names none")->default_str("LINK");
  command.add_option("--weight", read.columns.weight_column, "The column that is the edges' weight, such as dist");
  command.add_option("--rank-from", read.columns.rank_column,
                     "An integer column (or ~id) that tells parallel edges of one type apart");
  command.add_flag(
      "--parallel", read.parallel_edges,
      "Equal edges in one file are parallel edges: ranks 0, 1, 2 ... Otherwise the later row changes the earlier");
  command.add_flag("--edge-id", read.columns.keep_edge_id, "Keep the ~id of edges as the property id");
  command.add_flag("--create-missing", read.decoder.create_missing, "Edges create their ends where they are not there");
  command.add_flag_callback("--id-prefix", [&arguments] { arguments.options.prefix_id_groups = true; },
                            "Keys are group:id where a header says :ID(group)");
  command.add_flag_callback("--no-id-prefix", [&arguments] { arguments.options.prefix_id_groups = false; },
                            "Keys are the ids alone, whatever their groups");
}

void add_speed_options(CLI::App& command, ImportArguments& arguments) {
  command
      .add_option("--batch", arguments.options.feeder.batch_operations, "Rows in a batch, applied whole or not at all")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command.add_option("--in-flight", arguments.in_flight, "Batches on their way at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

}  // namespace

void add_import(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<ImportArguments>();
  arguments->options.read.decoder.edge_type = "LINK";
  auto* command = app.add_subcommand("import", "Load vertices and edges from files");
  add_file_options(*command, *arguments);
  add_meaning_options(*command, *arguments);
  add_speed_options(*command, *arguments);
  command->footer(examples);
  command->callback([&globals, arguments] { run_import(globals, *arguments); });
}

}  // namespace engram::cli
