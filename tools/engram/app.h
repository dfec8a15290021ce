#pragma once
// Puts the command line together: every command is named here, none registers itself.

#include <string>
#include <vector>

#include "tools/engram/globals.h"

namespace CLI {
class App;
}

namespace engram::cli {

// The client commands; a shell has them too.
void add_write_commands(CLI::App& app, Globals& globals);      // put link delete
void add_read_commands(CLI::App& app, Globals& globals);       // get neighbors scan
void add_traverse_commands(CLI::App& app, Globals& globals);   // expand path recall
void add_admin_commands(CLI::App& app, Globals& globals);      // space stats status
void add_token(CLI::App& app, Globals& globals);
void add_shell(CLI::App& app, Globals& globals);
void add_serve(CLI::App& app, Globals& globals);

/// Runs the arguments (without the program's name) as a whole command line, and returns the exit code.
int run_command_line(std::vector<std::string> arguments);
/// Runs one line of the shell, with the connection that `globals` has.
void run_shell_line(Globals& globals, std::vector<std::string> words);

}  // namespace engram::cli
