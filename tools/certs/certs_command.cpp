#include "tools/certs/certs_command.h"

#include "storage/base/clock.h"
#include "storage/base/random.h"
#include "tools/certs/authority.h"
#include "tools/certs/names.h"
#include "tools/engram/command_support.h"
#include "tools/engram/json.h"

namespace engram::cli {
namespace {

constexpr std::uint32_t max_nodes = 65'536;  // ordinals have 16 bits
constexpr std::size_t max_authority_name_bytes = 50;

void report_local(Globals& globals, const Status& status) {
  report_error(globals, status);
  globals.exit_code = exit_local;
}

Status check_days(std::uint32_t days) {
  if (days >= 1 && days <= certs::max_days) return {};
  return {Code::invalid_argument, "a certificate lasts from 1 to " + std::to_string(certs::max_days) + " days", "--days"};
}

Status with_field(const Status& status, const std::string& field) {
  return status.ok() ? status : Status(status.code(), status.message(), field);
}

Result<std::vector<std::string>> hosts_of(const std::vector<std::string>& texts) {
  std::vector<std::string> hosts;
  for (const auto& text : texts) {
    auto host = certs::host_of(text);
    if (!host.ok()) return with_field(host.status(), "--also");
    hosts.push_back(*host);
  }
  return hosts;
}

const char* action_name(certs::Action action) {
  switch (action) {
    case certs::Action::made: return "made";
    case certs::Action::renewed: return "renewed";
    case certs::Action::kept: return "kept";
  }
  return "";
}

/// Where the files are and how long they last; never what is in a key.
void print_issued(const Globals& globals, const certs::Issued& issued) {
  auto end = certs::time_text(issued.description.not_after_s);
  const char* action = action_name(issued.action);
  if (globals.json)
    return print_line(dump({{"name", issued.name},
                            {"action", action},
                            {"certificate", issued.certificate_path},
                            {"key", issued.key_path},
                            {"use", certs::use_name(issued.description.use)},
                            {"names", issued.description.names},
                            {"not_after", end},
                            {"serial", issued.description.serial},
                            {"fingerprint_sha256", issued.description.fingerprint}}));
  print_line(std::string(action) + "  " + ink(Ink::name, issued.certificate_path) + "  and  " +
             ink(Ink::name, issued.key_path) + "  until " + end);
}

/// Signs one after the other; the first error ends it.
void issue_all(Globals& globals, const std::string& directory, const std::vector<certs::Order>& orders) {
  SystemClock clock;
  SystemRandom random;
  auto authority = certs::Authority::open(directory, clock, random);
  if (!authority.ok()) return report_local(globals, authority.status());
  bool any_is_cut = false, any_is_kept = false;
  for (const auto& order : orders) {
    auto issued = authority->issue(order);
    if (!issued.ok()) return report_local(globals, issued.status());
    print_issued(globals, *issued);
    any_is_cut = any_is_cut || issued->is_cut;
    any_is_kept = any_is_kept || issued->action == certs::Action::kept;
  }
  if (globals.json) return;
  if (any_is_cut) print_note("note: the authority does not last longer, and a certificate ends with the one that signed it");
  if (any_is_kept) print_note("note: what was there is as it was; --renew replaces it");
}

/// What a certificate for one name takes; its errors are for report_usage.
Result<certs::Order> peer_order(const CertsPeerArguments& arguments, certs::Use use) {
  if (Status status = certs::check_name(arguments.name); !status.ok()) return with_field(status, "--name");
  if (Status status = check_days(arguments.days); !status.ok()) return status;
  auto also = hosts_of(arguments.also);
  if (!also.ok()) return also.status();
  return certs::Order{.use = use,
                      .name = arguments.name,
                      .also = std::move(*also),
                      .days = arguments.days,
                      .existing = arguments.renew ? certs::Existing::replace : certs::Existing::refuse};
}

Status check_ordinals(const CertsNodeArguments& arguments) {
  if (!arguments.nodes && !arguments.ordinal)
    return {Code::invalid_argument, "for which nodes? --nodes 3 makes them for ordinals 0 to 2, --ordinal 2 for one"};
  if (arguments.nodes && (*arguments.nodes < 1 || *arguments.nodes > max_nodes))
    return {Code::invalid_argument, "a cluster has from 1 to " + std::to_string(max_nodes) + " nodes", "--nodes"};
  auto end = arguments.nodes.value_or(max_nodes);
  if (arguments.ordinal && *arguments.ordinal >= end)
    return {Code::invalid_argument, "ordinals are from 0 to " + std::to_string(end - 1), "--ordinal"};
  return {};
}

Result<std::vector<certs::Order>> node_orders(const CertsNodeArguments& arguments) {
  if (Status status = check_ordinals(arguments); !status.ok()) return status;
  if (Status status = check_days(arguments.days); !status.ok()) return status;
  auto also = hosts_of(arguments.also);
  if (!also.ok()) return also.status();
  // Of a row, what is there is kept, so that more can be added to it; who names one wants it made.
  auto existing = arguments.ordinal ? certs::Existing::refuse : certs::Existing::keep;
  auto first = arguments.ordinal.value_or(0), end = arguments.ordinal ? first + 1 : *arguments.nodes;
  std::vector<certs::Order> orders;
  for (auto ordinal = first; ordinal < end; ++ordinal) {
    auto order = certs::node_order(arguments.name, ordinal);
    Status status = certs::check_name(order.name);
    if (status.ok()) status = certs::host_of(order.name).status();
    if (!status.ok()) return with_field(status, "--name");
    order.also = *also;
    order.days = arguments.days;
    order.existing = arguments.renew ? certs::Existing::replace : existing;
    orders.push_back(std::move(order));
  }
  return orders;
}

}  // namespace

void run_certs_init(Globals& globals, const CertsInitArguments& arguments) {
  Status status = certs::check_name(arguments.name);
  if (status.ok() && arguments.name.size() > max_authority_name_bytes)
    status = {Code::invalid_argument, "an authority's name has at most " + std::to_string(max_authority_name_bytes) +
                                          " characters"};
  if (!status.ok()) return report_usage(globals, with_field(status, "--name"));
  if (status = check_days(arguments.days); !status.ok()) return report_usage(globals, status);
  SystemClock clock;
  SystemRandom random;
  auto made = certs::Authority::make(arguments.directory, arguments.name, arguments.days, clock, random);
  if (!made.ok()) return report_local(globals, made.status());
  print_issued(globals, *made);
  if (!globals.json)
    print_note("Nodes and clients need " + made->certificate_path + ". Whoever has " + made->key_path +
               " can be any of them: keep it here, and a copy in a safe place.");
}

void run_certs_node(Globals& globals, const CertsNodeArguments& arguments) {
  auto orders = node_orders(arguments);
  if (!orders.ok()) return report_usage(globals, orders.status());
  issue_all(globals, arguments.directory, *orders);
}

void run_certs_client(Globals& globals, const CertsPeerArguments& arguments) {
  auto order = peer_order(arguments, certs::Use::client);
  if (!order.ok()) return report_usage(globals, order.status());
  issue_all(globals, arguments.directory, {*order});
}

void run_certs_server(Globals& globals, const CertsPeerArguments& arguments) {
  auto order = peer_order(arguments, certs::Use::server);
  if (!order.ok()) return report_usage(globals, order.status());
  auto host = certs::host_of(arguments.name);
  if (!host.ok()) return report_usage(globals, with_field(host.status(), "--name"));
  order->hosts = {*host};
  issue_all(globals, arguments.directory, {*order});
}

}  // namespace engram::cli
