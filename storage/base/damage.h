#pragma once
// What every message about a damaged warm store tells its reader to do.

#include <string>

#include "storage/base/result.h"

namespace engram {

/// `what` is wrong in the warm store of a partition. Nothing that the log has is lost with it.
inline Status warm_store_damage(const std::string& what) {
  return {Code::corrupt, what + "; to make it again from the log, stop the engine, remove the partition's folder warm/pN "
                                "(`engram verify` names it), move archived/*.sealed.log back to the other segments, and "
                                "start the engine (docs/operations.md)"};
}

}  // namespace engram
