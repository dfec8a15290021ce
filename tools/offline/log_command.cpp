#include "tools/offline/log_command.h"

#include <limits>

#include "cluster/identity/node_identity.h"
#include "storage/files/posix_files.h"
#include "storage/log/log_reader.h"
#include "tools/engram/command_support.h"
#include "tools/engram/json.h"
#include "tools/engram/property_text.h"
#include "tools/import/timestamp_text.h"
#include "tools/offline/command_text.h"

namespace engram::cli {

namespace {

struct TimeRange {
  std::int64_t since_ns = std::numeric_limits<std::int64_t>::min();
  std::int64_t until_ns = std::numeric_limits<std::int64_t>::max();
};

Result<TimeRange> parse_range(const LogArguments& arguments) {
  TimeRange range;
  auto parse = [](const std::string& text, std::int64_t& ns, const char* field) -> Status {
    if (text.empty()) return {};
    auto time = import::parse_timestamp(text);
    if (!time) return {Code::invalid_argument, "'" + text + "' is no time: 2024-01-31 or 2024-01-31T12:00:00Z", field};
    ns = *time;
    return {};
  };
  if (auto status = parse(arguments.since, range.since_ns, "--since"); !status.ok()) return status;
  if (auto status = parse(arguments.until, range.until_ns, "--until"); !status.ok()) return status;
  return range;
}

/// What the record's header tells; the command itself is not read for it.
bool header_passes(const StoredRecord& record, const LogArguments& arguments, const TimeRange& range) {
  if (arguments.partition && record.partition.value != *arguments.partition) return false;
  if (arguments.from_lsn && record.lsn.value < *arguments.from_lsn) return false;
  if (arguments.to_lsn && record.lsn.value > *arguments.to_lsn) return false;
  return record.accepted_ns >= range.since_ns && record.accepted_ns < range.until_ns;
}

bool command_passes(const CommandSummary& summary, const LogArguments& arguments) {
  if (arguments.space_id && summary.space != *arguments.space_id) return false;
  return !arguments.session || summary.session == *arguments.session;
}

void print_json(const StoredRecord& record, const CommandSummary& summary, const std::string& text) {
  Json json{{"partition", record.partition.value}, {"lsn", record.lsn.value},   {"position", record.position.value},
            {"time", show_time(record.accepted_ns)}, {"bytes", record.payload.size()}, {"session", summary.session},
            {"sequence", summary.sequence},      {"space", summary.space},      {"what", summary.what},
            {"operations", summary.operations},  {"detail", summary.detail}};
  if (!text.empty()) json["command"] = text;
  print_line(dump(json));
}

void print_text(const StoredRecord& record, const CommandSummary& summary, const std::string& text) {
  std::string line = ink(Ink::number, std::to_string(record.partition.value) + "/" + std::to_string(record.lsn.value)) +
                     "  " + ink(Ink::faint, show_time(record.accepted_ns)) + "  " + ink(Ink::name, summary.what);
  if (summary.operations > 1) line += " of " + grouped(summary.operations);
  if (summary.space != 0) line += " in space " + std::to_string(summary.space);
  if (!summary.detail.empty()) line += "  " + printable(summary.detail);
  print_line(line);
  if (!text.empty()) print_line(printable(text));
}

Status print_record(const StoredRecord& record, const CommandSummary& summary, const LogArguments& arguments, bool json) {
  std::string text;
  if (arguments.print) {
    auto whole = command_text(record.payload);
    if (!whole.ok()) return whole.status();
    text = std::move(whole).value();
  }
  if (json)
    print_json(record, summary, text);
  else
    print_text(record, summary, text);
  return {};
}

Status list_records(const LogArguments& arguments, const std::string& archived_dir, const TimeRange& range, Files& files,
                    bool json) {
  LogReaderOptions options;
  options.dir = arguments.data_dir;
  options.archived_dir = archived_dir;
  auto opened = LogReader::open(files, std::move(options));
  if (!opened.ok()) return opened.status();
  auto& reader = **opened;
  StoredRecord record;
  for (std::uint64_t shown = 0; (arguments.limit == 0 || shown < arguments.limit) && !output_is_lost();) {
    auto next = reader.next(record);
    if (!next.ok()) return next.status();
    if (!*next) break;
    if (!header_passes(record, arguments, range)) continue;
    auto summary = summarize(record.payload);
    if (!summary.ok())
      return {Code::corrupt, "at position " + std::to_string(record.position.value) + ": " + summary.status().message()};
    if (!command_passes(*summary, arguments)) continue;
    if (auto status = print_record(record, *summary, arguments, json); !status.ok()) return status;
    ++shown;
  }
  return {};
}

Status show_segments(const std::string& dir, const std::string& archived_dir, Files& files, bool json) {
  auto segments = list_segments(files, dir, archived_dir);
  if (!segments.ok()) return segments.status();
  static constexpr const char* states[] = {"open", "sealed", "archived"};
  Table table({"segment", "state", "first position", "size"}, {false, false, true, true});
  for (const auto& segment : *segments) {
    const char* state = states[static_cast<int>(segment.state)];
    if (json)
      print_line(dump({{"path", segment.path}, {"state", state}, {"first_position", segment.first_position.value},
                       {"bytes", segment.bytes}}));
    else
      table.add({segment.path, state, std::to_string(segment.first_position.value), show_bytes(segment.bytes)});
  }
  if (!json && !table.empty()) table.print();
  return {};
}

}  // namespace

void run_log(Globals& globals, const LogArguments& given) {
  auto arguments = given;
  auto range = parse_range(arguments);
  if (!range.ok()) return report_usage(globals, range.status());
  if (arguments.data_dir.empty()) arguments.data_dir = default_data_dir();
  std::string archived_dir;
  if (arguments.archived || !arguments.archived_dir.empty())
    archived_dir = arguments.archived_dir.empty() ? arguments.data_dir + "/archived" : arguments.archived_dir;
  PosixFiles files;
  auto identity = files.exists(arguments.data_dir)
                      ? NodeDirectory::read(arguments.data_dir, files)
                      : Status(Code::invalid_argument, "there is no directory " + arguments.data_dir, "--data-dir");
  auto status = identity.status();
  if (status.ok() && arguments.partition && *arguments.partition >= identity->partitions)
    return report_usage(globals, Status(Code::invalid_argument,
                                        "there are partitions 0 to " + std::to_string(identity->partitions - 1) + " in " +
                                            arguments.data_dir,
                                        "--partition"));
  if (status.ok())
    status = arguments.segments ? show_segments(arguments.data_dir, archived_dir, files, globals.json)
                                : list_records(arguments, archived_dir, *range, files, globals.json);
  if (status.ok()) return;
  report_error(globals, status);
  globals.exit_code = exit_local;
}

}  // namespace engram::cli
