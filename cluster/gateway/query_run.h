#pragma once
// Runs one query on a gateway's loop: the loop is the coordinator's host.

#include <kj/refcount.h>

#include "actors/query/query.h"
#include "cluster/gateway/seam.h"

namespace engram {

/// Resolves with the query's reply. Dropping the promise ends the work behind it. After `deadline_ns` (monotonic) the query
/// is told, and answers with what it has or with an error, which names a partition that has not answered.
kj::Promise<Frame> run_query(GatewayLoop& loop, const Clock& clock, std::unique_ptr<Query> query,
                             std::int64_t deadline_ns, RequestNumber number);

}  // namespace engram
