#pragma once
// The first start of a node of a cluster: to which cluster does its empty volume belong?
//
// The node with ordinal 0 makes the cluster, once it has heard from every other node that it knows of none: a volume that is
// empty because it was lost must not become a new cluster beside the old one. It joins that one as the others do, which ask
// those with lower ordinals, once the operator has said that the volume is lost (peer_registry.h).

#include <vector>

#include "cluster/config/config.h"
#include "cluster/peers/introduction.h"
#include "cluster/security/tls_files.h"
#include "storage/base/clock.h"
#include "storage/base/random.h"
#include "storage/base/result.h"

namespace engram {

struct ClusterFound {
  Id128 cluster_id;
  bool made = false;                 // by this node, just now
  std::uint32_t level = 1;           // the feature level to begin at
  std::vector<Introduction> members; // of the cluster, that answered
};

/// Waits for as long as it takes, and says in the log for whom. Errors: precondition_failed (the cluster is there, and has
/// another volume for this ordinal), and what keeps this node from listening.
Result<ClusterFound> find_cluster(const Config& config, const Introduction& self, TlsFiles* tls, const Clock& clock,
                                  Random& random);

}  // namespace engram
