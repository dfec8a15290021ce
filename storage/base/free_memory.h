#pragma once

namespace engram {

/// Gives the system what the calling thread freed: after work that took much memory for a while and will not soon again.
void return_free_memory();

}  // namespace engram
