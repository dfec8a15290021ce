// One event to one line.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "cluster/logging/logging.h"
#include "storage/base/bytes.h"

namespace engram {
namespace {

constexpr std::size_t max_value_bytes = 1024;
constexpr std::string_view cut_mark = "...(cut)";
constexpr std::array<const char*, 6> level_names = {"trace", "debug", "info", "warn", "error", "off"};

std::string timestamp(std::int64_t wall_ns) {
  std::time_t seconds = wall_ns / 1'000'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[32];
  char text[64];
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text, sizeof(text), "%s.%09lldZ", date, static_cast<long long>(wall_ns % 1'000'000'000));
  return text;
}

/// Quoted as in JSON. Invalid UTF-8 is shown as replacement characters, since collectors drop lines that hold it.
void append_quoted(std::string& out, std::string_view text) {
  bool valid = is_utf8(text);
  out += '"';
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(byte));
      out += escaped;
    } else if (byte >= 0x80 && !valid) {
      out += "\xEF\xBF\xBD";
    } else {
      out += c;
    }
  }
  out += '"';
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '\\' || c == '=') return false;
  }
  return true;
}

/// Cuts at a character's start, so that what is left is UTF-8 if all was.
std::string_view shortened(std::string_view text) {
  std::size_t size = max_value_bytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

struct ValueWriter {
  std::string& out;
  bool json;

  void operator()(std::string_view text) const {
    if (text.size() > max_value_bytes) {
      append_quoted(out, std::string(shortened(text)) + std::string(cut_mark));
    } else if (!json && is_plain(text)) {
      out += text;
    } else {
      append_quoted(out, text);
    }
  }
  void operator()(std::int64_t value) const { out += std::to_string(value); }
  void operator()(std::uint64_t value) const { out += std::to_string(value); }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(double value) const {
    if (json && !std::isfinite(value)) {
      out += "null";  // JSON has no such numbers
      return;
    }
    char text[32];
    auto [end, error] = std::to_chars(text, text + sizeof(text), value);
    out.append(text, end);
  }
};

std::string json_line(std::int64_t wall_ns, LogLevel level, std::string_view event, LogFields fields) {
  std::string out = "{\"ts\":\"" + timestamp(wall_ns) + "\",\"level\":\"" +
                    level_names[static_cast<std::size_t>(level)] + "\",\"event\":";
  append_quoted(out, event);
  for (const LogField& field : fields) {
    out += ',';
    append_quoted(out, field.key());
    out += ':';
    std::visit(ValueWriter{out, true}, field.value());
  }
  return out + "}";
}

/// The event is shown as it is when it is one line of text, which it always is unless a caller errs.
std::string text_line(std::int64_t wall_ns, LogLevel level, std::string_view event, LogFields fields) {
  std::string name = level_names[static_cast<std::size_t>(level)];
  name.resize(5, ' ');
  std::string out = timestamp(wall_ns) + " " + name + " ";
  for (char c : event) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  for (const LogField& field : fields) {
    out += ' ';
    out += field.key();
    out += '=';
    std::visit(ValueWriter{out, false}, field.value());
  }
  return out;
}

}  // namespace

LogLevel log_level_from(std::string_view name) {
  for (std::size_t i = 0; i < level_names.size(); ++i)
    if (name == level_names[i]) return static_cast<LogLevel>(i);
  return LogLevel::info;
}

LogFormat log_format_from(std::string_view name) {
  return name == "json" ? LogFormat::json : LogFormat::text;
}

std::string format_log_line(LogFormat format, std::int64_t wall_ns, LogLevel level, std::string_view event,
                            LogFields fields) {
  return format == LogFormat::json ? json_line(wall_ns, level, event, fields)
                                   : text_line(wall_ns, level, event, fields);
}

}  // namespace engram
