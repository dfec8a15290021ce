#include "cluster/config/load.h"

#include <algorithm>
#include <numeric>
#include <sstream>

#include <toml++/toml.h>
#include <unistd.h>

#include "cluster/config/cluster_config.h"
#include "cluster/config/endpoint.h"
#include "cluster/config/node_name.h"
#include "cluster/config/registry.h"

namespace engram {
namespace {

constexpr std::size_t max_unix_path_bytes = 107;  // sockaddr_un
constexpr std::uint64_t hot_bytes_if_unknown = 256ull << 20;

std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < right.size(); ++j) {
      std::size_t changed = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({changed, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

std::string nearest_key(const std::string& unknown) {
  if (unknown == "node.partitions") return "cluster.partitions";  // its name before there were clusters
  std::string nearest;
  std::size_t best = 1 + unknown.size() / 3;  // farther ones are no misspellings
  for (const Setting& setting : settings()) {
    std::size_t distance = edit_distance(unknown, setting.key());
    if (distance >= best) continue;
    best = distance;
    nearest = setting.key();
  }
  return nearest;
}

std::string did_you_mean(const std::string& unknown) {
  std::string nearest = nearest_key(unknown);
  return nearest.empty() ? "; engram serve --print-config shows all keys" : "; did you mean " + nearest + "?";
}

Status error(std::string message) {
  return {Code::invalid_argument, std::move(message)};
}

/// The value's text for `Setting::assign`, or nothing if a setting of this kind is not written so in TOML.
std::optional<std::string> toml_text(SettingKind kind, const toml::node& node) {
  bool sized = kind == SettingKind::size || kind == SettingKind::duration;
  if (kind == SettingKind::boolean) {
    auto value = node.value_exact<bool>();
    return value ? std::optional<std::string>(*value ? "true" : "false") : std::nullopt;
  }
  if (auto value = node.value_exact<std::int64_t>(); value && (sized || kind == SettingKind::number))
    return std::to_string(*value);
  if (auto value = node.value_exact<std::string>(); value && kind != SettingKind::number) return *value;
  return std::nullopt;
}

class Loader {
 public:
  explicit Loader(const ConfigSources& sources) : sources_(sources) {}

  Result<LoadedConfig> load() {
    loaded_.machine = sources_.machine;
    for (const Setting& setting : settings()) loaded_.origins[setting.key()] = "default";
    if (Status status = take_file(); !status.ok()) return status;
    if (Status status = take_environment(); !status.ok()) return status;
    if (Status status = take_flags(); !status.ok()) return status;
    resolve();
    if (Status status = resolve_name(); !status.ok()) return status;
    resolve_cluster();
    if (Status status = check_config(loaded_.config); !status.ok()) return status;
    warn_of_unreachable_address();
    warn_of_unmatched_address();
    return std::move(loaded_);
  }

 private:
  Status assign(const Setting& setting, std::string_view text, const std::string& origin) {
    Status status = setting.assign(loaded_.config, text);
    if (!status.ok()) return {status.code(), origin + ": " + status.message(), status.field(), status.limit()};
    loaded_.origins[setting.key()] = origin;
    return {};
  }

  Status take_file() {
    if (sources_.file.empty()) return {};
    try {
      toml::table table = toml::parse_file(sources_.file);
      for (auto&& [name, node] : table)
        if (Status status = take_section(std::string(name.str()), name, node); !status.ok()) return status;
    } catch (const toml::parse_error& failure) {
      auto begin = failure.source().begin;
      std::string where = begin.line == 0 ? "" : ":" + std::to_string(begin.line) + ":" + std::to_string(begin.column);
      return error(sources_.file + where + ": " + std::string(failure.description()));
    }
    return {};
  }

  std::string at(const toml::source_region& source) const {
    return sources_.file + ":" + std::to_string(source.begin.line);
  }

  Status take_section(const std::string& section, const toml::key& name, const toml::node& node) {
    auto known = setting_sections();
    bool is_known = std::any_of(known.begin(), known.end(), [&](const SettingSection& s) { return s.name == section; });
    if (!is_known) return error(at(name.source()) + ": unknown key " + section + did_you_mean(section));
    if (!node.is_table()) return error(at(name.source()) + ": " + section + " is a section: write [" + section + "]");
    for (auto&& [key, value] : *node.as_table()) {
      const Setting* setting = find_setting(section, key.str());
      std::string full = section + "." + std::string(key.str());
      if (setting == nullptr) return error(at(key.source()) + ": unknown key " + full + did_you_mean(full));
      auto text = toml_text(setting->kind, value);
      if (!text)
        return error(at(key.source()) + ": " + full + " has a value of the wrong type (allowed: " + setting->allowed() +
                     ")");
      if (Status status = assign(*setting, *text, at(key.source())); !status.ok()) return status;
    }
    return {};
  }

  Status take_environment() {
    for (const Setting& setting : settings()) {
      auto found = sources_.environment.find(setting.environment());
      if (found == sources_.environment.end() || found->second.empty()) continue;
      if (Status status = assign(setting, found->second, "environment " + found->first); !status.ok()) return status;
    }
    warn_of_unknown_variables();
    return {};
  }

  /// Not an error: Kubernetes itself sets variables such as ENGRAM_NODE_SERVICE_HOST for a service "engram-node".
  void warn_of_unknown_variables() {
    for (const auto& [name, value] : sources_.environment)
      for (const SettingSection& section : setting_sections()) {
        std::string prefix = "ENGRAM_" + std::string(section.name) + "_";
        std::transform(prefix.begin(), prefix.end(), prefix.begin(), [](unsigned char c) { return std::toupper(c); });
        auto all = settings();
        bool known = std::any_of(all.begin(), all.end(), [&](const Setting& s) { return s.environment() == name; });
        if (name.starts_with(prefix) && !known)
          loaded_.warnings.push_back("the environment variable " + name + " is no setting and is ignored" +
                                     (name == "ENGRAM_NODE_PARTITIONS" ? "; did you mean ENGRAM_CLUSTER_PARTITIONS?" : ""));
      }
  }

  Status take_flags() {
    for (const Setting& setting : settings()) {
      auto found = sources_.flags.find(setting.key());
      if (found == sources_.flags.end()) continue;
      if (Status status = assign(setting, found->second, "flag " + setting.flag()); !status.ok()) return status;
    }
    return {};
  }

  [[nodiscard]] std::string home() const {
    auto found = sources_.environment.find("HOME");
    return found == sources_.environment.end() ? "" : found->second;
  }

  void derived(const std::string& key, const std::string& how) { loaded_.origins[key] = "default (" + how + ")"; }

  void resolve() {
    Config& config = loaded_.config;
    for (const Setting& setting : settings()) {
      if (setting.kind != SettingKind::path) continue;
      auto& path = *std::get<std::string*>(setting.field(config));
      if (path.starts_with("~/") && !home().empty()) path = home() + path.substr(1);
    }
    if (config.data.dir.empty()) {
      config.data.dir = home().empty() ? "./engram-data" : home() + "/.local/share/engram";
      derived("data.dir", home().empty() ? "there is no HOME" : "in HOME");
    }
    if (config.data.archived_dir.empty()) {
      config.data.archived_dir = config.data.dir + "/archived";
      derived("data.archived_dir", "in data.dir");
    }
    if (config.listen.unix.empty()) resolve_unix_socket();
    if (config.hot.bytes == 0) {
      config.hot.bytes = sources_.machine.memory_bytes == 0 ? hot_bytes_if_unknown : sources_.machine.memory_bytes / 2;
      derived("hot.bytes", "half of the memory");
    }
    if (config.limits.reads_memory_bytes == 0) {
      config.limits.reads_memory_bytes = std::max(sources_.machine.memory_bytes / 8, config.limits.query_memory_bytes);
      derived("limits.reads_memory_bytes", "an eighth of the memory");
    }
    if (config.listen.loops == 0) {
      config.listen.loops = std::max(1u, sources_.machine.cores / 4);
      derived("listen.loops", "of " + std::to_string(sources_.machine.cores) + " cores");
    }
  }

  Status resolve_name() {
    Config& config = loaded_.config;
    auto& origins = loaded_.origins;
    NodeNameSources from{config.node.name, std::nullopt, sources_.machine.host_name, config.cluster.nodes};
    if (origins["node.ordinal"] != "default") from.ordinal = config.node.ordinal;
    Result<NodeName> name = resolve_node_name(from);
    if (!name.ok()) return name.status();
    config.node.name = name->text();
    config.node.ordinal = name->ordinal;
    bool from_host = name->origin == NodeName::Origin::host_name;
    if (from_host) origins["node.name"] = "host name";
    if (name->origin == NodeName::Origin::none) derived("node.name", "with node.ordinal");
    if (name->origin == NodeName::Origin::given && !name->has_ordinal) origins["node.name"] += ", with node.ordinal";
    if (name->has_ordinal && !from.ordinal) origins["node.ordinal"] = from_host ? "host name" : "node.name";
    return {};
  }

  void resolve_cluster() {
    const Config& config = loaded_.config;
    std::uint32_t partitions = default_partitions(config, sources_.machine.cores);
    if (config.cluster.partitions == 0)
      derived("cluster.partitions", std::to_string(partitions) + " in a new data directory");
    if (config.cluster.nodes > 1 && config.cluster.peers.empty()) derived("cluster.peers", peer_pattern(config));
  }

  /// Not an error: something between the nodes may lead there.
  void warn_of_unreachable_address() {
    const Config& config = loaded_.config;
    if (config.cluster.nodes == 1) return;
    auto own = parse_endpoint(config.cluster.address);
    auto addresses = peer_addresses(config);
    if (!own.ok() || !addresses.ok() || !own->loopback()) return;
    const std::string& seen = addresses->at(config.node.ordinal);
    if (auto there = parse_endpoint(seen); there.ok() && !there->loopback())
      loaded_.warnings.push_back("cluster.address = " + config.cluster.address +
                                 " cannot be reached from other machines, and cluster.peers has this node at " + seen +
                                 ": set cluster.address to 0.0.0.0:" + std::to_string(own->port));
  }

  /// Not an error: clients may be told by --tls-name what the certificates name.
  void warn_of_unmatched_address() {
    const Config& config = loaded_.config;
    if (config.cluster.nodes == 1 || config.tls.certificate.empty()) return;
    const std::string told = client_address(config);
    if (auto there = parse_endpoint(told); there.ok() && there->ip_address())
      loaded_.warnings.push_back("clients are told that this node is at " + told +
                                 ", but with TLS they compare names, and no certificate matches an IP address: they reach "
                                 "this node by way of others only. Set listen.advertise to a name in "
                                 "tls.certificate, with the port");
  }

  void resolve_unix_socket() {
    std::string& path = loaded_.config.listen.unix;
    path = loaded_.config.data.dir + "/engram.sock";
    derived("listen.unix", "in data.dir");
    if (path.size() <= max_unix_path_bytes) return;
    loaded_.warnings.push_back("no Unix socket: " + path + " is longer than " + std::to_string(max_unix_path_bytes) +
                               " bytes; set listen.unix to a shorter path");
    path = "none";
    derived("listen.unix", "the path in data.dir is too long for a socket");
  }

  const ConfigSources& sources_;
  LoadedConfig loaded_;
};

}  // namespace

Result<LoadedConfig> load_config(const ConfigSources& sources) {
  return Loader(sources).load();
}

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      environment.emplace(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
  }
  return environment;
}

}  // namespace engram
