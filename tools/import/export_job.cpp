#include "tools/import/export_job.h"

#include <memory>
#include <optional>

#include "tools/import/atomic_file.h"
#include "tools/import/csv_export.h"
#include "tools/import/json_lines.h"

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
    if (status.ok()) {
      status = scan_([&](const client::ScanPage& page) {
        vertices.clear();
        edges.clear();
        Status formatted = format(page, vertices, edges);
        return formatted.ok() ? write(vertices, edges) : formatted;
      });
    }
    if (status.ok()) status = commit();
    progress_.clear();
    return status;
  }

  ExportSummary summary;

 private:
  [[nodiscard]] bool one_file() const { return options_.vertices_path == options_.edges_path; }

  Status make_writer() {
    if (options_.format == Format::jsonl) {
      writer_ = std::make_unique<JsonWriter>();
      return {};
    }
    if (one_file()) return {Code::invalid_argument, "CSV needs a file for the vertices and another for the edges"};
    auto csv =
        std::make_unique<CsvWriter>(options_.format == Format::csv_neo4j ? Convention::neo4j : Convention::gremlin);
    std::uint64_t seen = 0;
    Status status = scan_([&](const client::ScanPage& page) {
      seen += page.vertices.size() + page.edges.size();
      show("looking at columns", seen);
      return csv->observe(page, !options_.vertices_path.empty(), !options_.edges_path.empty());
    });
    writer_ = std::move(csv);
    return status;
  }

  Status open_files() {
    if (!options_.vertices_path.empty()) {
      auto file = AtomicFile::create(files_, options_.vertices_path);
      if (!file.ok()) return file.status();
      vertices_ = std::move(file).value();
    }
    if (options_.edges_path.empty()) return {};
    // In one file edges come behind all vertices: until then they are kept beside it.
    auto file = AtomicFile::create(files_, one_file() ? options_.edges_path + ".edges" : options_.edges_path);
    if (!file.ok()) return file.status();
    edges_ = std::move(file).value();
    return {};
  }

  Status format(const client::ScanPage& page, std::string& vertices, std::string& edges) {
    Status status;
    for (std::size_t i = 0; vertices_ && status.ok() && i < page.vertices.size(); ++i, ++summary.vertices)
      status = writer_->append(page.vertices[i], vertices);
    for (std::size_t i = 0; edges_ && status.ok() && i < page.edges.size(); ++i, ++summary.edges)
      status = writer_->append(page.edges[i], edges);
    show("writing", summary.vertices + summary.edges);
    return status;
  }

  Status write(const std::string& vertices, const std::string& edges) {
    Status status;
    if (vertices_) status = vertices_->append(vertices);
    if (edges_ && status.ok()) status = edges_->append(edges);
    return status;
  }

  Status commit() {
    if (one_file()) {
      Status status = vertices_->append_all_of(*edges_);
      edges_.reset();
      if (!status.ok()) return status;
    }
    for (AtomicFile* file : {vertices_.get(), edges_.get()}) {
      if (file == nullptr) continue;
      summary.bytes += file->size_bytes();
      if (Status status = file->commit(); !status.ok()) return status;
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
  std::unique_ptr<AtomicFile> vertices_;
  std::unique_ptr<AtomicFile> edges_;
};

}  // namespace

Result<ExportSummary> run_export(const ExportOptions& options, const GraphScan& scan, Files& files,
                                 ProgressLine& progress) {
  if (options.vertices_path.empty() && options.edges_path.empty())
    return Status(Code::invalid_argument, "no file to export to: give -o, --nodes or --edges");
  Export job(options, scan, files, progress);
  if (Status status = job.run(); !status.ok()) return status;
  return job.summary;
}

}  // namespace engram::import
