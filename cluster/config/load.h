#pragma once
// From file, environment and flags to a Config: later ones win, and of every value one can say where it comes from.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/config/config.h"
#include "cluster/config/machine.h"
#include "storage/base/result.h"

namespace engram {

/// What was given on the command line: key ("listen.address") -> text. Filled by `add_config_flags` (flags.h).
using FlagValues = std::map<std::string, std::string, std::less<>>;
using Environment = std::map<std::string, std::string, std::less<>>;

struct ConfigSources {
  std::string file;         // empty: none. A file that is named and missing is an error.
  Environment environment;  // see `process_environment`; only ENGRAM_<SECTION>_<KEY> and HOME are used
  FlagValues flags;
  Machine machine;  // for defaults that follow the machine or its name
};

struct LoadedConfig {
  Config config;
  /// By key: "default", "default (half of 16GiB)", "/etc/engram.toml:12", "environment ENGRAM_DATA_DIR", "flag
  /// --data-dir", "host name".
  std::map<std::string, std::string, std::less<>> origins;
  /// Things that are not errors but surprise: to be logged.
  std::vector<std::string> warnings;
  Machine machine;  // as it was given, for what is no setting
};

/// Errors (invalid_argument): a file that cannot be read or parsed (line and column), an unknown key (with its line and
/// the nearest known one), a bad value (key, value, allowed range, origin), and what `check_config` refuses.
/// `data.dir`, `data.archived_dir`, `listen.unix`, `hot.bytes`, `listen.loops`, `node.name` and `node.ordinal` are resolved
/// in the result (for what the name says see node_name.h); `cluster.partitions` stays 0 if it was: an existing data
/// directory knows it better (cluster/identity), and a new one gets `default_partitions` (cluster_config.h).
Result<LoadedConfig> load_config(const ConfigSources& sources);

/// The rules between settings. No listening beyond loopback without TLS and tokens, unless allowed explicitly; a
/// certificate needs its key; and so on. What is about several nodes is looked at only where there are several.
Status check_config(const Config& config);

/// TOML that `load_config` reads back to the same values; every line carries the origin as a comment.
std::string print_config(const LoadedConfig& loaded);

/// The variables of this process.
Environment process_environment();

}  // namespace engram
