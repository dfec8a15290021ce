#include "tools/import/export_job.h"

#include <memory>
#include <optional>

#include "tools/import/csv_export.h"
#include "tools/import/json_lines.h"
#include "tools/import/output_path.h"

namespace engram::import {

namespace {

/// Turns pages into text: the formats differ in this only.
class PageWriter {
 public:
  virtual ~PageWriter() = default;
  virtual void headers(std::string& vertices, std::string& edges) = 0;
  virtual Status append(const client::Vertex& vertex, std::string& out) = 0;
  virtual Status append(const client::Edge& edge, std::string& out) = 0;
};

class JsonWriter final : public PageWriter {
 public:
  void headers(std::string&, std::string&) override {}
  Status append(const client::Vertex& vertex, std::string& out) override {
    append_json_line(out, vertex);
    return {};
  }
  Status append(const client::Edge& edge, std::string& out) override {
    append_json_line(out, edge);
    return {};
  }
};

class CsvWriter final : public PageWriter {
 public:
  explicit CsvWriter(Convention convention) : vertices_(convention), edges_(convention) {}

  Status observe(const client::ScanPage& page, bool with_vertices, bool with_edges) {
    Status status;
    for (std::size_t i = 0; with_vertices && status.ok() && i < page.vertices.size(); ++i)
      status = vertices_.observe(page.vertices[i]);
    for (std::size_t i = 0; with_edges && status.ok() && i < page.edges.size(); ++i)
      status = edges_.observe(page.edges[i]);
    return status;
  }
  void headers(std::string& vertices, std::string& edges) override {
    vertices_.append_vertex_header(vertices);
    edges_.append_edge_header(edges);
  }
  Status append(const client::Vertex& vertex, std::string& out) override { return vertices_.append(vertex, out); }
  Status append(const client::Edge& edge, std::string& out) override { return edges_.append(edge, out); }

 private:
  CsvTable vertices_;
  CsvTable edges_;
};

/// An export is written beside its place first, so that has to be another too.
bool are_in_each_others_way(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return false;
  return is_same_file(a, b) || is_same_file(partial_path(behind_links(a)), b) ||
         is_same_file(a, partial_path(behind_links(b)));
}

bool in_one_file(const ExportOptions& options) { return options.vertices_path == options.edges_path; }

class Export {
 public:
  Export(const ExportOptions& options, const GraphScan& scan, Files& files, ProgressLine& progress)
      : options_(options), scan_(scan), files_(files), progress_(progress) {}

  Status run() {
    if (Status status = make_writer(); !status.ok()) return status;
    if (Status status = open_files(); !status.ok()) return status;
    std::string vertices;
    std::string edges;
    writer_->headers(vertices, edges);
    Status status = write(vertices, edges);
    bool both_in_stream = edges_to_ != nullptr && edges_to_ == vertices_to_;
    if (status.ok()) status = pass(vertices_to_ != nullptr, edges_to_ != nullptr && !both_in_stream);
    // What was written to a stream is gone: edges come behind all vertices by reading the graph again.
    if (status.ok() && both_in_stream) status = pass(false, true);
    if (status.ok()) status = of_file(commit());
    progress_.clear();
    return status;
  }

  ExportSummary summary;
  bool file_failed = false;

 private:
  Status of_file(Status status) {
    file_failed |= !status.ok();
    return status;
  }

  Status make_writer() {
    if (options_.format == Format::jsonl) {
      writer_ = std::make_unique<JsonWriter>();
      return {};
    }
    auto csv =
        std::make_unique<CsvWriter>(options_.format == Format::csv_neo4j ? Convention::neo4j : Convention::gremlin);
    std::uint64_t seen = 0;
    Status status = scan_(!options_.edges_path.empty(), [&](const client::ScanPage& page) {
      seen += page.vertices.size() + page.edges.size();
      show("looking at columns", seen);
      return csv->observe(page, !options_.vertices_path.empty(), !options_.edges_path.empty());
    });
    writer_ = std::move(csv);
    return status;
  }

  Status open_files() {
    if (Status status = open(options_.vertices_path, vertices_, vertices_to_); !status.ok()) return status;
    if (!in_one_file(options_)) return open(options_.edges_path, edges_, edges_to_);
    if (vertices_ == nullptr) {  // a stream
      edges_to_ = vertices_to_;
      return {};
    }
    // In one file edges come behind all vertices: until then they are kept beside it.
    return open(behind_links(options_.edges_path) + ".edges", edges_, edges_to_);
  }

  Status open(const std::string& path, std::unique_ptr<AtomicFile>& file, TextOutput*& output) {
    if (path.empty()) return {};
    if (path == "-") {
      output = options_.stream;
      return {};
    }
    if (is_stream(path)) {
      auto opened = open_stream(path);
      if (!opened.ok()) return of_file(opened.status());
      streams_.push_back(std::move(opened).value());
      output = streams_.back().get();
      return {};
    }
    auto created = AtomicFile::create(files_, path);
    if (!created.ok()) return of_file(created.status());
    file = std::move(created).value();
    output = file.get();
    return {};
  }

  Status pass(bool with_vertices, bool with_edges) {
    std::string vertices;
    std::string edges;
    return scan_(with_edges, [&](const client::ScanPage& page) {
      vertices.clear();
      edges.clear();
      Status status;
      for (std::size_t i = 0; with_vertices && status.ok() && i < page.vertices.size(); ++i, ++summary.vertices)
        status = writer_->append(page.vertices[i], vertices);
      for (std::size_t i = 0; with_edges && status.ok() && i < page.edges.size(); ++i, ++summary.edges)
        status = writer_->append(page.edges[i], edges);
      show("writing", summary.vertices + summary.edges);
      return status.ok() ? write(vertices, edges) : status;
    });
  }

  Status write(const std::string& vertices, const std::string& edges) {
    Status status;
    if (vertices_to_ != nullptr) status = vertices_to_->append(vertices);
    if (edges_to_ != nullptr && status.ok()) status = edges_to_->append(edges);
    return of_file(status);
  }

  Status commit() {
    if (in_one_file(options_) && vertices_ != nullptr) {
      Status status = vertices_->append_all_of(*edges_);
      edges_.reset();
      edges_to_ = nullptr;
      if (!status.ok()) return status;
    }
    if (edges_to_ == vertices_to_) edges_to_ = nullptr;
    for (TextOutput* output : {vertices_to_, edges_to_}) {
      if (output == nullptr) continue;
      summary.bytes += output->size_bytes();
      if (Status status = output->commit(); !status.ok()) return status;
    }
    return {};
  }

  void show(const char* what, std::uint64_t rows) {
    if (progress_.due()) progress_.draw({.what = what, .rows = rows});
  }

  const ExportOptions& options_;
  const GraphScan& scan_;
  Files& files_;
  ProgressLine& progress_;
  std::unique_ptr<PageWriter> writer_;
  std::unique_ptr<AtomicFile> vertices_;   // null: none, or a stream
  std::unique_ptr<AtomicFile> edges_;
  std::vector<std::unique_ptr<TextOutput>> streams_;
  TextOutput* vertices_to_ = nullptr;      // null: none
  TextOutput* edges_to_ = nullptr;
};

}  // namespace

Status check(const ExportOptions& options) {
  if (options.vertices_path.empty() && options.edges_path.empty())
    return {Code::invalid_argument, "no file to export to: give -o, --nodes or --edges"};
  if (options.format != Format::jsonl && in_one_file(options))
    return {Code::invalid_argument,
            "CSV needs a file for the vertices and another for the edges: give --nodes and --edges, or one of them"};
  for (const auto* path : {&options.vertices_path, &options.edges_path})
    if (path->ends_with(".zst"))
      return {Code::invalid_argument, *path + ": an export is not compressed, and import would take it to be: "
                                              "write to - and pipe that through zstd"};
  if (!in_one_file(options) && are_in_each_others_way(options.vertices_path, options.edges_path))
    return {Code::invalid_argument, options.vertices_path + " and " + options.edges_path +
                                        " are one file under two names: name two files, or (jsonl) one with -o"};
  return {};
}

ExportEnd run_export(const ExportOptions& options, const GraphScan& scan, Files& files, ProgressLine& progress) {
  if (Status status = check(options); !status.ok()) return {status, false, {}};
  Export job(options, scan, files, progress);
  Status status = job.run();
  return {status, job.file_failed, job.summary};
}

}  // namespace engram::import
