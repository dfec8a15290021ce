#pragma once
// Makes a test of the log read like a script: append, reopen, expect what is there.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "storage/log/command_log.h"
#include "storage/log/log_reader.h"
#include "tests/support/faulty_files.h"
#include "tests/support/memory_files.h"

namespace engram::test {

class ManualClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ns() const override { return now_ns; }
  [[nodiscard]] std::int64_t monotonic_ns() const override { return now_ns; }
  std::int64_t now_ns = 1'000'000'000;
};

class LogFixture {
 public:
  LogFixture() : files(disk) {
    options.dir = "/data";
    options.log_id = 0x1234567890ABCDEF;
    options.segment_bytes = 64 << 10;
    options.spare_segments = 0;
    options.own_thread = false;
  }

  MemoryFiles disk;
  FaultyFiles files;
  ManualClock clock;
  LogOptions options;
  std::unique_ptr<CommandLog> log;

  void open() {
    log.reset();
    auto opened = CommandLog::open(files, clock, options);
    INFO(opened.status().message());
    REQUIRE(opened.ok());
    log = std::move(*opened);
  }
  Status try_open() {
    log.reset();
    auto opened = CommandLog::open(files, clock, options);
    if (opened.ok()) log = std::move(*opened);
    return opened.status();
  }

  /// Appends the texts as one group of partition 1 (LSNs go on where they are).
  Status try_append(const std::vector<std::string>& texts, std::uint16_t partition = 1) {
    std::vector<LogRecord> records;
    for (const std::string& text : texts)
      records.push_back({{partition}, {next_lsn + records.size()}, clock.now_ns, 7, as_bytes(text)});
    Status status = log->append_group(records).status();
    if (status.ok()) next_lsn += texts.size();
    return status;
  }
  void append(const std::vector<std::string>& texts, std::uint16_t partition = 1) {
    Status status = try_append(texts, partition);
    INFO(status.message());
    REQUIRE(status.ok());
  }
  void close() {
    Status status = log->close();
    INFO(status.message());
    REQUIRE(status.ok());
    log.reset();
  }
  /// As after kill -9: what was written is there, synced or not.
  void kill() { log.reset(); }

  /// What a reader finds; the error, if there is one, goes to `error`.
  std::vector<std::string> read(Status& error, LogPosition from = {}, bool with_archive = false) {
    std::vector<std::string> texts;
    auto reader = LogReader::open(
        disk, {options.dir, with_archive ? options.dir + "/archived" : "", options.log_id, from});
    error = reader.status();
    if (!reader.ok()) return texts;
    for (StoredRecord record;;) {
      auto more = (*reader)->next(record);
      error = more.status();
      if (!more.ok() || !*more) return texts;
      texts.emplace_back(as_text(record.payload));
    }
  }
  std::vector<std::string> read() {
    Status error;
    auto texts = read(error);
    INFO(error.message());
    REQUIRE(error.ok());
    return texts;
  }

  std::uint64_t next_lsn = 1;
};

}  // namespace engram::test
