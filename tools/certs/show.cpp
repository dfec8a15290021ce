// `engram certs show`.

#include <algorithm>
#include <filesystem>

#include "cluster/security/secret_file.h"
#include "storage/base/clock.h"
#include "tools/certs/certs_command.h"
#include "tools/certs/description.h"
#include "tools/engram/json.h"
#include "tools/engram/output.h"

namespace engram::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_pem_bytes = std::size_t{4} << 20;

/// The certificates of a directory by name, the authority's first; a file is itself.
Result<std::vector<std::string>> files_at(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  fs::directory_iterator entries(path, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error))
    if (auto name = entries->path().filename().string(); name.ends_with(".pem") && !name.starts_with('.'))
      files.push_back(entries->path().string());
  if (error) return Status(Code::invalid_argument, "cannot read the directory " + path + ": " + error.message());
  if (files.empty()) return Status(Code::invalid_argument, "there is no certificate (NAME.pem) in " + path);
  std::sort(files.begin(), files.end());
  std::stable_partition(files.begin(), files.end(), [](const std::string& file) { return file.ends_with("/ca.pem"); });
  return files;
}

enum class State { valid, expired, not_yet_valid };

State state_of(const certs::Description& description, std::int64_t now_s) {
  if (certs::has_expired(description, now_s)) return State::expired;
  return description.not_before_s > now_s ? State::not_yet_valid : State::valid;
}

const char* name_of(State state) {
  switch (state) {
    case State::valid: return "valid";
    case State::expired: return "expired";
    case State::not_yet_valid: return "not_yet_valid";
  }
  return "";
}

/// "824 days left", "EXPIRED 3 days ago".
std::string state_text(const certs::Description& description, std::int64_t now_s) {
  constexpr std::int64_t day_s = 86'400;
  auto days = [](std::int64_t seconds) { return counted(static_cast<std::uint64_t>(seconds / day_s), "day", "days"); };
  switch (state_of(description, now_s)) {
    case State::valid: return days(description.not_after_s - now_s) + " left";
    case State::expired: return "EXPIRED " + days(now_s - description.not_after_s) + " ago";
    case State::not_yet_valid: return "NOT VALID YET: look at the clock";
  }
  return "";
}

std::string use_text(certs::Use use) {
  switch (use) {
    case certs::Use::authority: return "authority: signs others";
    case certs::Use::node: return "node: server and client";
    case certs::Use::server: return "server";
    case certs::Use::client: return "client";
    case certs::Use::other: return "other";
  }
  return "";
}

/// On one line, whatever somebody wrote into a certificate.
std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return text;
}

void print_text(const std::string& path, const certs::Description& description, std::int64_t now_s) {
  auto line = [](const char* what, const std::string& text, Ink kind = Ink::plain) {
    std::string head(what);
    head.resize(13, ' ');
    print_line("  " + ink(Ink::faint, head) + ink(kind, one_line(text)));
  };
  std::string names;
  for (const auto& name : description.names) names += (names.empty() ? "" : ", ") + name;
  bool is_valid = state_of(description, now_s) == State::valid;
  print_line(ink(Ink::strong, path));
  line("subject", description.subject, Ink::name);
  if (!names.empty()) line("names", names);
  line("use", use_text(description.use));
  line("issuer", description.issuer);
  line("valid", certs::time_text(description.not_before_s) + " to " + certs::time_text(description.not_after_s) + ", " +
                    state_text(description, now_s), is_valid ? Ink::plain : Ink::strong);
  line("serial", description.serial);
  line("fingerprint", "SHA-256 " + description.fingerprint);
}

void print_json(const std::string& path, const certs::Description& description, std::int64_t now_s) {
  print_line(dump({{"file", path},
                   {"subject", description.subject},
                   {"names", description.names},
                   {"use", certs::use_name(description.use)},
                   {"issuer", description.issuer},
                   {"not_before", certs::time_text(description.not_before_s)},
                   {"not_after", certs::time_text(description.not_after_s)},
                   {"state", name_of(state_of(description, now_s))},
                   {"days_left", certs::days_left(description, now_s)},
                   {"serial", description.serial},
                   {"fingerprint_sha256", description.fingerprint}}));
}

Result<std::vector<certs::Certificate>> read_file(const std::string& path) {
  auto file = read_public_file(path, "the file", max_pem_bytes);
  if (!file.ok()) return file.status();
  return certs::parse_certificates(file->text, path);
}

}  // namespace

void run_certs_show(Globals& globals, const CertsShowArguments& arguments) {
  const std::int64_t now_s = SystemClock().wall_ns() / 1'000'000'000;
  std::uint64_t shown = 0, expired = 0;
  bool failed = false;
  auto fail = [&](const Status& status) {
    report_error(globals, status);
    failed = true;
  };
  auto show = [&](const std::string& path) {
    auto certificates = read_file(path);
    if (!certificates.ok()) return fail(certificates.status());
    for (const auto& certificate : *certificates) {
      auto description = certs::describe(*certificate);
      ++shown;
      expired += certs::has_expired(description, now_s) ? 1 : 0;
      if (globals.json)
        print_json(path, description, now_s);
      else
        print_text(path, description, now_s);
    }
  };
  for (const auto& path : arguments.paths) {
    auto files = files_at(path);
    if (!files.ok())
      fail(files.status());
    else
      std::for_each(files->begin(), files->end(), show);
  }
  globals.exit_code = failed ? exit_local : exit_ok;
  if (!globals.json && expired != 0)
    print_note("note: " + grouped(expired) + " of " + counted(shown, "certificate has", "certificates have") +
               " expired: nobody who checks accepts " + (expired == 1 ? "it" : "them") +
               ". 'engram certs node', 'client' and 'server' renew with --renew");
}

}  // namespace engram::cli
