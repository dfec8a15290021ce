#pragma once
// What the library that reads the command line lets pass, and should not.

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace engram::cli {

/// Of every option of every command. A number that is none or does not fit is refused: the library takes -1 for 2^64-1, 010
/// for 8, and the largest number for all that are larger. And words that `keep_whole` made are taken as they were typed.
void check_values(CLI::App& app);

/// The library takes the word [a,b] apart where several may stand, and the key [a] for a. Not so what this answers for it.
std::string keep_whole(std::string word);
/// The word that was typed.
std::string as_typed(std::string word);

/// Refuses options of the connection where the command has no use for them: left unsaid, `engram token x --space a` would
/// make a token for all spaces. What the environment says is for all commands and passes. `arguments`: as they were typed.
void refuse_useless_options(CLI::App& app, std::vector<std::string> arguments);

/// The option takes a time such as 500ms, 5s, 1m or 1h, and becomes milliseconds.
void take_duration(CLI::Option& option, std::uint64_t min_ms, std::uint64_t max_ms);
/// The option takes a size such as 4096 or 500MiB, and becomes bytes.
void take_size(CLI::Option& option);

/// For counts of which none at all makes no sense.
void at_least_one(CLI::Option& option);

}  // namespace engram::cli
