// certs on the command line.

#include "tools/certs/add_certs.h"

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/certs/certs_command.h"

namespace engram::cli {
namespace {

template <typename Arguments>
CLI::App* certs_command(CLI::App& certs, const char* name, const char* help, const std::shared_ptr<Arguments>& arguments) {
  auto* command = certs.add_subcommand(name, help);
  command->add_option("directory", arguments->directory, "The authority's directory")->required();
  command->add_option("--days", arguments->days, "How many days it lasts")->capture_default_str();
  return command;
}

template <typename Arguments>
void add_renew(CLI::App& command, const std::shared_ptr<Arguments>& arguments) {
  command.add_flag("--renew", arguments->renew,
                   "Replace what is there, by a new key and certificate; without --also with the names that it has");
}

template <typename Arguments>
void add_also(CLI::App& command, const std::shared_ptr<Arguments>& arguments) {
  command.add_option("--also", arguments->also, "Another name or IP address of its host; may be repeated")
      ->allow_extra_args(false);
}

void add_init(CLI::App& certs, Globals& globals) {
  auto arguments = std::make_shared<CertsInitArguments>();
  auto* command = certs_command(certs, "init", "Make an authority: DIRECTORY/ca.pem and its key, ca.key", arguments);
  command->add_option("--name", arguments->name, "The cluster's name, as the certificate shows it")->capture_default_str();
  command->footer(R"(The directory is made, for its owner alone. An authority that is there is never replaced.

Example:
  engram certs init certs)");
  command->callback([arguments, &globals] { run_certs_init(globals, *arguments); });
}

void add_node(CLI::App& certs, Globals& globals) {
  auto arguments = std::make_shared<CertsNodeArguments>();
  auto* command = certs_command(certs, "node", "Make certificates for the nodes of a cluster", arguments);
  command->add_option("--nodes", arguments->nodes, "For the nodes 0 to one less than this");
  command->add_option("--ordinal", arguments->ordinal, "For this node only");
  command->add_option("--name", arguments->name, "The cluster's name: the nodes are NAME-0, NAME-1 ...")
      ->capture_default_str();
  add_also(*command, arguments);
  add_renew(*command, arguments);
  command->footer(R"(Makes engram-0.pem, engram-0.key and so on, for connections between nodes in both directions. The names
in engram-0's are engram-0, engram-0.engram, localhost, 127.0.0.1 and ::1, and those of --also.
With --nodes, good certificates that are there stay; with --ordinal, one that is there is an error.

Examples:
  engram certs node certs --nodes 3
  engram certs node certs --nodes 3 --also '*.engram.default.svc.cluster.local'
  engram certs node certs --ordinal 1 --also 10.0.0.11 --renew)");
  command->callback([arguments, &globals] { run_certs_node(globals, *arguments); });
}

void add_client(CLI::App& certs, Globals& globals) {
  auto arguments = std::make_shared<CertsPeerArguments>();
  auto* command = certs_command(certs, "client", "Make a client's certificate, for engines with tls.client_ca", arguments);
  command->add_option("--name", arguments->name, "The client's name, and that of the files")->required();
  add_renew(*command, arguments);
  command->footer(R"(Example:
  engram certs client certs --name ingest
  engram status --server db.example:9470 --ca certs/ca.pem --cert certs/ingest.pem --key certs/ingest.key)");
  command->callback([arguments, &globals] { run_certs_client(globals, *arguments); });
}

void add_server(CLI::App& certs, Globals& globals) {
  auto arguments = std::make_shared<CertsPeerArguments>();
  auto* command = certs_command(certs, "server", "Make a certificate for serving clients (tls.certificate)", arguments);
  command->add_option("--name", arguments->name, "The host's name, and that of the files")->required();
  add_also(*command, arguments);
  add_renew(*command, arguments);
  command->footer(R"(Examples:
  engram certs server certs --name db.example --also localhost --also 10.0.0.5
  engram serve --tls-certificate certs/db.example.pem --tls-key certs/db.example.key)");
  command->callback([arguments, &globals] { run_certs_server(globals, *arguments); });
}

void add_show(CLI::App& certs, Globals& globals) {
  auto arguments = std::make_shared<CertsShowArguments>();
  auto* command = certs.add_subcommand("show", "Show certificates: names, who signed them, how long they last");
  command->add_option("paths", arguments->paths, "Directories, or files in PEM")->required();
  command->footer(R"(Keys are not read. Ends with 0 also where certificates have expired, and says so.

Examples:
  engram certs show certs
  engram certs show certs --json | jq 'select(.days_left < 30) | .file')");
  command->callback([arguments, &globals] { run_certs_show(globals, *arguments); });
}

}  // namespace

void add_certs(CLI::App& app, Globals& globals) {
  auto* certs = app.add_subcommand("certs", "A private authority for a cluster's nodes and its clients; needs no engine");
  certs->require_subcommand(1);
  add_init(*certs, globals);
  add_node(*certs, globals);
  add_client(*certs, globals);
  add_server(*certs, globals);
  add_show(*certs, globals);
  certs->footer(R"(Private keys are written to files of mode 0400, and nowhere else.

Examples:
  engram certs init certs
  engram certs node certs --nodes 3
  engram certs server certs --name db.example --also localhost
  engram certs client certs --name ingest
  engram certs show certs)");
}

}  // namespace engram::cli
