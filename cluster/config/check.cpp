// The rules between settings.
#include "cluster/config/cluster_config.h"
#include "cluster/config/endpoint.h"
#include "cluster/config/load.h"
#include "cluster/config/registry.h"

namespace engram {
namespace {

Status refuse(std::string field, std::string message) {
  return {Code::invalid_argument, std::move(message), std::move(field)};
}

bool beyond_loopback(const std::string& address) {
  if (is_off(address)) return false;
  Result<Endpoint> endpoint = parse_endpoint(address);
  return endpoint.ok() && !endpoint->loopback();
}

Status check_exposure(const Config& config) {
  if (config.security.allow_insecure) return {};
  const std::string& address = config.listen.address;
  bool tls = !config.tls.certificate.empty() && !config.tls.key.empty();
  bool tokens = !config.security.tokens.empty();
  if (beyond_loopback(address) && !(tls && tokens)) {
    std::string missing = tls ? "security.tokens" : "tls.certificate and tls.key";
    if (!tls && !tokens) missing += " and security.tokens";
    return refuse("listen.address",
                  "listen.address = " + address + " can be reached from other machines: set " + missing +
                      ", or listen on 127.0.0.1, or set security.allow_insecure = true if the network "
                      "is closed by other means");
  }
  const std::string& operations = config.operations.address;
  if (beyond_loopback(operations) && !config.operations.allow_remote)
    return refuse("operations.address", "operations.address = " + operations +
                                            " can be reached from other machines and is plain HTTP without "
                                            "passwords: listen on 127.0.0.1, or set operations.allow_remote = true");
  return {};
}

bool has_cluster_tls(const Config& config) {
  return !config.cluster.certificate.empty();  // check_cluster_tls: then the others are there too
}

Status check_cluster_exposure(const Config& config) {
  const std::string& address = config.cluster.address;
  if (config.cluster.nodes == 1 || config.cluster.allow_insecure || has_cluster_tls(config) || !beyond_loopback(address))
    return {};
  return refuse("cluster.address",
                "cluster.address = " + address +
                    " can be reached from other machines, and who connects there may read and write everything: set "
                    "cluster.certificate, cluster.key and cluster.ca, or listen on 127.0.0.1, or set "
                    "cluster.allow_insecure = true if the network is closed by other means");
}

Status check_cluster_tls(const Config& config) {
  const std::pair<const char*, const std::string&> files[] = {{"cluster.certificate", config.cluster.certificate},
                                                              {"cluster.key", config.cluster.key},
                                                              {"cluster.ca", config.cluster.ca}};
  std::string set, missing;
  for (const auto& [key, path] : files) {
    std::string& keys = path.empty() ? missing : set;
    keys += (keys.empty() ? "" : " and ") + std::string(key);
  }
  if (set.empty() || missing.empty()) return {};
  return refuse(missing.substr(0, missing.find(' ')),
                set + " without " + missing + ": nodes need all three files to know each other, or none of them");
}

Status check_nodes(const Config& config) {
  const std::uint64_t nodes = config.cluster.nodes;
  if (nodes > 1 && is_off(config.cluster.address))
    return refuse("cluster.address", "cluster.address = none, but cluster.nodes = " + std::to_string(nodes) +
                                         ": the other nodes have to connect somewhere; set it to host:port");
  // Addresses for several nodes where there is one: the number was forgotten.
  if (nodes > 1 || !config.cluster.peers.empty())
    if (auto addresses = peer_addresses(config); !addresses.ok()) return addresses.status();
  if (nodes == 1) return {};
  if (config.node.ordinal >= nodes)
    return refuse("node.ordinal", "node.ordinal = " + std::to_string(config.node.ordinal) + ", but cluster.nodes = " +
                                      std::to_string(nodes) + ": ordinals are 0 to " + std::to_string(nodes - 1));
  std::uint64_t partitions = config.cluster.partitions != 0 ? config.cluster.partitions : default_partitions(config, 1);
  if (partitions < nodes)
    return Status(Code::invalid_argument,
                  "cluster.partitions = " + std::to_string(partitions) + " leaves some of the " + std::to_string(nodes) +
                      " nodes without any: set it to " + std::to_string(nodes) + " or more when the cluster is made",
                  "cluster.partitions", nodes);
  return {};
}

Status check_tls(const Config& config) {
  bool certificate = !config.tls.certificate.empty();
  bool key = !config.tls.key.empty();
  if (certificate != key)
    return refuse(certificate ? "tls.key" : "tls.certificate",
                  certificate ? "tls.certificate is set without tls.key: set both"
                              : "tls.key is set without tls.certificate: set both");
  if (!config.tls.client_ca.empty() && !certificate)
    return refuse("tls.client_ca",
                  "tls.client_ca is set without tls.certificate and tls.key: clients can show a certificate "
                  "only to a server that has one");
  return {};
}

Status check_addresses(const Config& config) {
  if (is_off(config.listen.address) && is_off(config.listen.unix))
    return refuse("listen.address", "listen.address and listen.unix are both \"none\": nobody could connect");
  constexpr std::size_t max_unix_path_bytes = 107;
  if (config.listen.unix.size() > max_unix_path_bytes)
    return Status(Code::invalid_argument,
                  "listen.unix = " + config.listen.unix +
                      " is longer than 107 bytes, the limit for sockets: choose a "
                      "shorter path, or \"none\"",
                  "listen.unix", max_unix_path_bytes);
  Result<Endpoint> clients = parse_endpoint(config.listen.address);
  Result<Endpoint> operations = parse_endpoint(config.operations.address);
  Result<Endpoint> nodes = parse_endpoint(config.cluster.address);
  auto clash = [](Result<Endpoint>& left, Result<Endpoint>& right) {
    return left.ok() && right.ok() && left->port == right->port && left->port != 0 && left->host == right->host;
  };
  auto refuse_clash = [](const char* left, const char* right, const Endpoint& both) {
    return refuse(right, std::string(left) + " and " + right + " are both " + both.text() + ": they need different ports");
  };
  if (clash(clients, operations)) return refuse_clash("listen.address", "operations.address", *clients);
  if (config.cluster.nodes == 1) return {};
  if (clash(clients, nodes)) return refuse_clash("listen.address", "cluster.address", *nodes);
  if (clash(operations, nodes)) return refuse_clash("operations.address", "cluster.address", *nodes);
  return {};
}

/// A mistake in it would be seen by clients only, and as a longer way to the data at that.
Status check_advertised(const Config& config) {
  const std::string& advertised = config.listen.advertise;
  if (advertised.empty()) return {};
  Result<Endpoint> endpoint = parse_endpoint(advertised);
  if (!endpoint.ok()) return refuse("listen.advertise", "listen.advertise: " + endpoint.status().message());
  if (endpoint->port == 0 || endpoint->all_interfaces())
    return refuse("listen.advertise", "listen.advertise = " + advertised +
                                          " leads nowhere: write the host and the port by which clients reach this node");
  return {};
}

Status check_sizes(const Config& config) {
  auto refuse_larger = [](const char* small, std::uint64_t small_bytes, const char* large, std::uint64_t large_bytes) {
    if (small_bytes <= large_bytes) return Status();
    return Status(Code::invalid_argument,
                  std::string(small) + " is larger than " + large + ": make " + large + " at least as large", small,
                  large_bytes);
  };
  if (Status status = refuse_larger("limits.max_command_bytes", config.limits.max_command_bytes,
                                    "listen.max_message_bytes", config.listen.max_message_bytes);
      !status.ok())
    return status;
  // It would be told to come again, for ever.
  std::uint64_t all_reads = config.limits.reads_memory_bytes;
  if (Status status = refuse_larger("limits.query_memory_bytes", config.limits.query_memory_bytes, "limits.reads_memory_bytes",
                                    all_reads == 0 ? config.limits.query_memory_bytes : all_reads);
      !status.ok())
    return status;
  return refuse_larger("listen.unauthenticated_message_bytes", config.listen.unauthenticated_message_bytes,
                       "listen.max_message_bytes", config.listen.max_message_bytes);
}

}  // namespace

Status check_config(const Config& config) {
  for (auto check : {check_tls, check_addresses, check_advertised, check_sizes, check_exposure, check_cluster_tls,
                     check_nodes, check_cluster_exposure})
    if (Status status = check(config); !status.ok()) return status;
  if (!config.data.dir.empty() && config.data.archived_dir == config.data.dir)
    return refuse("data.archived_dir", "data.archived_dir is data.dir itself: choose another directory");
  return {};
}

}  // namespace engram
