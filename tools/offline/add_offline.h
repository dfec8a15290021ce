#pragma once
// Commands on a data directory without its engine.

namespace CLI {
class App;
}

namespace engram::cli {

struct Globals;

/// `engram log`: lists the command log as text. The engine may be running.
void add_log(CLI::App& app, Globals& globals);
/// `engram verify`: checks everything. The engine must be stopped.
void add_verify(CLI::App& app, Globals& globals);

}  // namespace engram::cli
