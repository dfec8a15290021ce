#pragma once

#include "tools/engram/globals.h"

namespace CLI {
class App;
}

namespace engram::cli {

/// `engram import`: loads files into a space.
void add_import(CLI::App& app, Globals& globals);

/// `engram export`: writes a space to files that import reads.
void add_export(CLI::App& app, Globals& globals);

}  // namespace engram::cli
