#pragma once
// How many files and sockets the process may have open. Connections must never take the places of the files that the engine
// opens while it works: a log that cannot open its next segment can go no further.

#include <cstdint>

namespace engram {

/// Raises the soft limit (`ulimit -n`) of this process to the hard one: what a shell or an init system sets is meant for
/// programs that open few.
void raise_open_files_limit();

/// The soft limit of this process.
std::uint64_t open_files_limit();
/// How many are open now.
std::uint64_t open_files();

/// How many connections there is room for, beside the files that are open (all but those of the event loops) and those that
/// will be; at least one.
std::uint64_t connections_within(std::uint64_t limit, std::uint64_t open, std::uint64_t loops);

}  // namespace engram
