#pragma once
// The settings as flags of a command line.

#include "cluster/config/load.h"

namespace CLI {
class App;
}

namespace engram {

/// Adds one option for every setting (--listen-address ...), grouped by section. What the user gives ends up in
/// `values`, which must outlive the parsing; values are checked by `load_config`, so that messages are the same
/// everywhere.
void add_config_flags(CLI::App& app, FlagValues& values);

}  // namespace engram
