// `engram token`: makes a token for clients. The token is shown once; the engine's file gets only its hash.

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "cluster/security/token_store.h"
#include "storage/base/descriptor.h"
#include "storage/base/error_text.h"
#include "storage/base/random.h"
#include "tools/engram/command_support.h"
#include "tools/engram/json.h"
#include "tools/import/timestamp_text.h"

namespace engram::cli {

namespace {

/// The engine's file, of which one process at a time makes a new version.
class TokenFile {
 public:
  /// Makes it if it is not there.
  static Result<TokenFile> open(const std::string& path) {
    Descriptor file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (file.get() < 0 || ::flock(file.get(), LOCK_EX) != 0) return failure("open", path);
    std::string text;
    char part[4096];
    ssize_t got = 0;
    while ((got = ::read(file.get(), part, sizeof part)) > 0) text.append(part, static_cast<std::size_t>(got));
    if (got < 0) return failure("read", path);
    return TokenFile(path, std::move(file), std::move(text));
  }

  /// Whether an engine would take the file with this behind it.
  [[nodiscard]] Status check(const std::string& more) const { return parse_tokens(text_ + more, path_).status(); }
  /// In one write, so that an engine that reloads the file sees it whole or not at all.
  Status append(const std::string& more) {
    if (::write(file_.get(), more.data(), more.size()) == static_cast<ssize_t>(more.size()) && ::fsync(file_.get()) == 0)
      return {};
    Status failed = failure("write", path_);
    (void)::ftruncate(file_.get(), static_cast<off_t>(text_.size()));
    return failed;
  }

 private:
  TokenFile(std::string path, Descriptor file, std::string text)
      : path_(std::move(path)), file_(std::move(file)), text_(std::move(text)) {}

  static Status failure(const std::string& what, const std::string& path) {
    return {Code::invalid_argument, "cannot " + what + " " + path + ": " + error_text(errno), "--file"};
  }

  std::string path_;
  Descriptor file_;
  std::string text_;
};

void report_local(Globals& globals, const Status& status) {
  report_error(globals, status);
  globals.exit_code = exit_local;
}

/// False: reported.
bool add_to_file(Globals& globals, const std::string& path, const std::string& entry) {
  auto file = TokenFile::open(path);
  if (!file.ok()) return report_local(globals, file.status()), false;
  if (auto status = file->check(entry); !status.ok()) return report_usage(globals, status), false;
  if (auto status = file->append(entry); !status.ok()) return report_local(globals, status), false;
  return true;
}

}  // namespace

void run_token(Globals& globals, const TokenArguments& arguments) {
  auto role = role_named(arguments.role);
  if (!role)
    return report_usage(globals, {Code::invalid_argument, "'" + arguments.role + "' is no role: read, write or admin",
                                  "--role"});
  TokenEntry entry{.name = arguments.name, .role = *role, .spaces = arguments.spaces};
  if (!arguments.expires.empty()) {
    auto expires = import::parse_timestamp(arguments.expires);
    if (!expires)
      return report_usage(globals, Status(Code::invalid_argument, "'" + arguments.expires + "' is no time", "--expires"));
    entry.expires_ns = *expires;
  }
  SystemRandom random;
  auto made = make_token(random);
  entry.digest = made.digest;
  auto toml = token_entry_toml(entry);
  // A file with one bad entry is refused whole, and an engine that runs would keep all its old tokens.
  if (auto parsed = parse_tokens(toml, "the entry"); !parsed.ok()) return report_usage(globals, parsed.status());
  if (!arguments.file.empty() && !add_to_file(globals, arguments.file, "\n" + toml)) return;
  if (globals.json) return print_line(dump({{"token", made.token}, {"entry", toml}}));
  print_line(made.token);
  if (arguments.file.empty())
    print_note("The token is shown this once. Append this to the engine's token file (security.tokens):\n\n" + toml);
  else
    print_note("The token is shown this once; its hash is in " + arguments.file + ".");
}

}  // namespace engram::cli
