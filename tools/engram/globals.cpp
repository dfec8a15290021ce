#include "tools/engram/globals.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

#include "cluster/config/load.h"
#include "cluster/config/machine.h"
#include "storage/base/error_text.h"
#include "storage/base/number_text.h"
#include "tools/engram/output.h"

namespace engram::cli {

namespace {

bool is_socket(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

/// What an engine that is started here without arguments would use. A setting that is wrong is the engine's to complain about.
Config local_config() {
  ConfigSources sources;
  sources.environment = process_environment();
  sources.machine = detect_machine();
  auto loaded = load_config(sources);
  return loaded.ok() ? loaded->config : Config();
}

/// Its Unix socket, if there is one, else its TCP address.
std::string default_server() {
  auto config = local_config();
  if (!is_off(config.listen.unix) && is_socket(config.listen.unix)) return "unix:" + config.listen.unix;
  return is_off(config.listen.address) ? "127.0.0.1:9470" : config.listen.address;
}

Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return Status(Code::invalid_argument, "cannot read the token file " + path + ": " + error_text(errno),
                  "--token-file");
  std::string token;
  std::getline(file, token);
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty())
    return Status(Code::invalid_argument, "the token file " + path + " is empty: its first line has to be the token",
                  "--token-file");
  return token;
}

bool contains_number(std::string_view text, const std::string& number) {
  auto is_part = [&](std::size_t at) { return at < text.size() && (std::isdigit(static_cast<unsigned char>(text[at])) != 0); };
  for (auto at = text.find(number); at != std::string_view::npos; at = text.find(number, at + 1))
    if ((at == 0 || !is_part(at - 1)) && !is_part(at + number.size())) return true;
  return false;
}

/// " (command, limit 4,194,304)": the field, and the limit if the message does not tell it.
std::string details_of(const Status& status) {
  std::string details = status.field();
  auto limit = std::to_string(status.limit());
  bool told = status.limit() == 0 || contains_number(status.message(), limit) ||
              contains_number(status.message(), grouped(status.limit()));
  if (!told) details += (details.empty() ? "limit " : ", limit ") + grouped(status.limit());
  return details.empty() ? details : " (" + details + ")";
}

/// The client reads them when it connects; the engine has no argument of this name.
bool is_tls_file(const Status& status) { return status.code() == Code::invalid_argument && status.field() == "tls"; }

bool draws_on(int descriptor) {
  const char* terminal = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
}

/// Reports an error. An empty `space`: none is opened.
Result<client::Options> options_for(Globals& globals, const std::string& space) {
  auto options = client_options(globals);
  if (options.ok()) {
    options->space = space;
  } else {
    report_error(globals, options.status());
    globals.exit_code = exit_local;
  }
  return options;
}

Result<client::Client> connect_to(Globals& globals, const std::string& space) {
  auto options = options_for(globals, space);
  if (!options.ok()) return options.status();
  auto connected = client::Client::connect(std::move(options).value());
  if (!connected.ok()) report_error(globals, connected.status());
  return connected;
}

client::Client* open_own(Globals& globals, const std::string& space) {
  auto connected = connect_to(globals, space);
  if (!connected.ok()) return nullptr;
  globals.client = std::make_shared<client::Client>(std::move(connected).value());
  return globals.client.get();
}

}  // namespace

std::string default_data_dir() { return local_config().data.dir; }

Result<client::Options> client_options(const Globals& globals) {
  client::Options options;
  options.server = globals.server.empty() ? default_server() : globals.server;
  options.space = globals.space;
  options.timeout_ms = globals.timeout_ms;
  options.connect_wait_ms = globals.wait_ms;
  options.tls.enabled = globals.tls;
  options.tls.ca_file = globals.ca_file;
  options.tls.server_name = globals.tls_name;
  options.tls.certificate_file = globals.certificate_file;
  options.tls.key_file = globals.key_file;
  if (!globals.token_file.empty()) {
    auto token = read_token(globals.token_file);
    if (!token.ok()) return token.status();
    options.token = std::move(token).value();
  }
  return options;
}

Result<client::Options> session_options(Globals& globals) { return options_for(globals, {}); }

Result<client::Client> connect(Globals& globals) { return connect_to(globals, globals.space); }

client::Client* open_client(Globals& globals) {
  if (!globals.client) return open_own(globals, globals.space);
  // The shell's: it may have listed spaces only, or worked on another one.
  if (globals.client->space().name != globals.space) {
    if (auto status = globals.client->use_space(globals.space); !status.ok()) {
      report_error(globals, status);
      return nullptr;
    }
  }
  return globals.client.get();
}

client::Client* open_session(Globals& globals) {
  return globals.client ? globals.client.get() : open_own(globals, {});
}

void report_error(Globals& globals, const Status& status) {
  globals.exit_code = is_tls_file(status) ? exit_local : exit_code_of(status.code());
  auto message = status.message().empty() ? std::string(code_name(status.code())) : status.message();
  if (globals.json) {
    nlohmann::ordered_json error{{"code", code_name(status.code())}, {"message", message}};
    if (!status.field().empty()) error["field"] = status.field();
    if (status.limit() != 0) error["limit"] = status.limit();
    if (status.partial() != 0) error["partial"] = status.partial();
    auto text = nlohmann::ordered_json{{"error", error}}.dump(-1, ' ', false,
                                                              nlohmann::ordered_json::error_handler_t::replace);
    std::fprintf(stderr, "%s\n", text.c_str());
    return;
  }
  std::fprintf(stderr, "engram: %s\n", printable_error(message + details_of(status)).c_str());
}

int exit_code_of(Code code) {
  switch (code) {
    case Code::none: return exit_ok;
    case Code::invalid_argument: return exit_usage;  // found by the engine rather than here: it makes no difference
    case Code::unknown_space:
    case Code::unknown_vertex:
    case Code::unknown_edge:
    case Code::unknown_index:
    case Code::space_exists:
    case Code::vertex_exists:
    case Code::edge_exists:
    case Code::index_exists:
    case Code::precondition_failed: return exit_not_found;
    case Code::unavailable: return exit_unreachable;
    default: return exit_refused;
  }
}

std::string printable_error(std::string_view text) {
  return ::isatty(STDERR_FILENO) == 1 ? escape_controls(text) : std::string(text);
}

bool colours_on_output() {
  const char* no_colour = std::getenv("NO_COLOR");
  return (no_colour == nullptr || *no_colour == '\0') && draws_on(STDOUT_FILENO);
}

bool progress_on_error_output() { return draws_on(STDERR_FILENO); }

}  // namespace engram::cli
