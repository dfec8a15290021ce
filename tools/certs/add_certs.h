#pragma once
// The private authority of a cluster, on the command line.

namespace CLI {
class App;
}

namespace engram::cli {

struct Globals;

/// `engram certs`: needs no engine.
void add_certs(CLI::App& app, Globals& globals);

}  // namespace engram::cli
