#pragma once

#include "tools/engram/globals.h"

namespace CLI {
class App;
}

namespace engram::cli {

/// `engram soak`: clients of a cluster that goes through something, and an account of what they saw.
void add_soak(CLI::App& app, Globals& globals);

}  // namespace engram::cli
