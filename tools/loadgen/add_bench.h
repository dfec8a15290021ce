#pragma once

#include "tools/engram/globals.h"

namespace CLI {
class App;
}

namespace engram::cli {

/// `engram bench`: drives a running engine and says how fast it is.
void add_bench(CLI::App& app, Globals& globals);

}  // namespace engram::cli
