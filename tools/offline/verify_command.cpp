#include "tools/offline/verify_command.h"

#include <cstdio>

#include "storage/base/clock.h"
#include "storage/files/posix_files.h"
#include "tools/engram/json.h"
#include "tools/engram/output.h"
#include "tools/offline/verify.h"

namespace engram::cli {

namespace {

constexpr int exit_damaged = 1;

/// On a terminal one line over itself; else a line a step.
class ProgressText {
 public:
  explicit ProgressText(bool always) : terminal_(progress_on_error_output()), on_(always || terminal_) {}
  ~ProgressText() {
    if (terminal_) std::fputs("\r\x1b[K", stderr);
  }
  ProgressText(const ProgressText&) = delete;
  ProgressText& operator=(const ProgressText&) = delete;

  void show(const std::string& what, double share) {
    std::int64_t now = clock_.monotonic_ns();
    bool fresh = what != shown_;
    if (!on_ || (!fresh && now - shown_ns_ < interval_ns())) return;
    shown_ = what;
    shown_ns_ = now;
    const char* form = terminal_ ? "\r\x1b[K%s  %d %%" : "%s  %d %%\n";
    std::fprintf(stderr, form, what.c_str(), static_cast<int>(share * 100));
    std::fflush(stderr);
  }

 private:
  [[nodiscard]] std::int64_t interval_ns() const { return terminal_ ? 100'000'000 : 5'000'000'000; }

  SystemClock clock_;
  bool terminal_;
  bool on_;
  std::string shown_;
  std::int64_t shown_ns_ = 0;
};

Json to_json(const Finding& finding) {
  Json json{{"check", finding.check}, {"message", finding.message}};
  if (finding.partition) json["partition"] = finding.partition->value;
  if (!finding.vertex.empty()) json["vertex"] = finding.vertex;
  if (!finding.edge.empty()) json["edge"] = finding.edge;
  if (!finding.file.empty()) json["file"] = finding.file;
  if (finding.offset) json["offset"] = *finding.offset;
  return json;
}

void print_json(const VerifyReport& report, const std::string& data_dir) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings.kept()) findings.push_back(to_json(finding));
  Json json{{"ok", report.findings.count() == 0},
            {"data_dir", data_dir},
            {"node", {{"cluster_id", report.identity.cluster_id.hex()}, {"ordinal", report.identity.ordinal},
                      {"partitions", report.identity.partitions}, {"format_version", report.identity.format_version}}},
            {"log", {{"segments", report.log.segments}, {"archived_segments", report.log.archived_segments},
                     {"bytes", report.log.bytes}, {"records", report.log.records}, {"replayed", report.replayed}}},
            {"warm", {{"stores", report.warm_stores}, {"entries", report.warm_entries}}},
            {"transactions", {{"committed", report.settled.committed}, {"aborted", report.settled.aborted},
                              {"elsewhere", report.settled.elsewhere}}},
            {"graph", {{"spaces", report.graph.spaces}, {"vertices", report.graph.vertices},
                       {"edges", report.graph.edges}, {"labels", report.graph.labels},
                       {"index_entries", report.graph.index_entries}}},
            {"skipped", report.skipped},
            {"findings_total", report.findings.count()},
            {"findings", std::move(findings)}};
  print_line(dump(json));
}

std::string place_of(const Finding& finding) {
  std::string place;
  if (finding.partition) place += "partition " + std::to_string(finding.partition->value) + ", ";
  if (!finding.edge.empty()) place += "edge " + finding.edge + ", ";
  else if (!finding.vertex.empty()) place += "vertex " + finding.vertex + ", ";
  bool named = finding.message.find(finding.file) != std::string::npos;
  if (!named) place += finding.file + (finding.offset ? " at " + std::to_string(*finding.offset) : "") + ", ";
  if (!place.empty()) place.resize(place.size() - 2);
  return place.empty() ? place : place + ": ";
}

void print_text(const VerifyReport& report) {
  const LogCounts& log = report.log;
  print_line("log    " + counted(log.records, "record", "records") + " in " +
             counted(log.segments, "segment", "segments") + " (" + grouped(log.archived_segments) + " archived), " +
             show_bytes(log.bytes));
  print_line("warm   " + counted(report.warm_entries, "entry", "entries") + " in " +
             counted(report.warm_stores, "store", "stores") + ", " +
             counted(report.replayed, "record of the log is", "records of the log are") + " newer");
  if (report.settled.committed + report.settled.aborted > 0)
    print_line("open   " + counted(report.settled.committed + report.settled.aborted, "share", "shares") +
               " of transactions, which the next start ends: " + grouped(report.settled.committed) + " commit, " +
               grouped(report.settled.aborted) + " abort");
  if (report.settled.elsewhere > 0)
    print_line("       " + counted(report.settled.elsewhere, "share", "shares") +
               " of transactions that another node decides: partitions were not compared with each other");
  if (report.skipped.empty())
    print_line("graph  " + counted(report.graph.vertices, "vertex", "vertices") + " and " +
               counted(report.graph.edges, "edge", "edges") + " in " + counted(report.graph.spaces, "space", "spaces"));
  else
    print_line("graph  not checked: " + report.skipped);
  std::uint64_t count = report.findings.count();
  print_line(ink(Ink::strong, count == 0 ? "all is well" : counted(count, "thing is wrong:", "things are wrong:")));
  for (const Finding& finding : report.findings.kept())
    print_line("  " + ink(Ink::name, finding.check) + "  " + printable(place_of(finding) + finding.message));
  if (count > report.findings.kept().size())
    print_line("  … and " + grouped(count - report.findings.kept().size()) + " more");
}

}  // namespace

void run_verify(Globals& globals, const VerifyArguments& arguments) {
  PosixFiles files;
  VerifyOptions options;
  options.data_dir = arguments.data_dir.empty() ? default_data_dir() : arguments.data_dir;
  options.archived_dir = arguments.archived_dir;
  options.max_findings = arguments.max_findings;
  auto report = Result<VerifyReport>(Status());
  {
    ProgressText progress(arguments.progress);
    options.progress = [&](const std::string& what, double share) { progress.show(what, share); };
    report = verify(files, options);
  }
  if (!report.ok()) {
    report_error(globals, report.status());
    globals.exit_code = exit_local;
    return;
  }
  if (globals.json)
    print_json(*report, options.data_dir);
  else
    print_text(*report);
  globals.exit_code = report->findings.count() == 0 ? exit_ok : exit_damaged;
}

}  // namespace engram::cli
