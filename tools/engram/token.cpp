// `engram token`: makes a token for clients. The token is shown once; the engine's file gets only its hash.

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
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

/// Appends in one write, so that an engine that reloads the file sees the entry whole or not at all.
Status append(const std::string& path, const std::string& text) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() >= 0 && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file.get()) == 0)
    return {};
  return {Code::invalid_argument, "cannot write " + path + ": " + error_text(errno), "--file"};
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
  if (!arguments.file.empty()) {
    if (auto status = append(arguments.file, "\n" + toml); !status.ok()) {
      report_error(globals, status);
      globals.exit_code = exit_local;
      return;
    }
  }
  if (globals.json) return print_line(dump({{"token", made.token}, {"entry", toml}}));
  print_line(made.token);
  if (arguments.file.empty())
    print_note("The token is shown this once. Append this to the engine's token file (security.tokens):\n\n" + toml);
  else
    print_note("The token is shown this once; its hash is in " + arguments.file + ".");
}

}  // namespace engram::cli
