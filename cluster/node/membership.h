#pragma once
// Who this node is, and with whom: its directory and identity, the map of partitions, and the other nodes if there are any.

#include <functional>
#include <memory>

#include "cluster/config/load.h"
#include "cluster/identity/node_identity.h"
#include "cluster/map/partition_map.h"
#include "cluster/peers/peers.h"

namespace engram {

class Membership {
 public:
  /// Takes the directory's lock. The first start of a node of several waits for the others here, for as long as they take
  /// (join.h); `before_join` is called before that. Errors: those of NodeDirectory, TlsFiles, PeerRegistry, find_cluster,
  /// `before_join`. `fatal` has to end the process.
  static Result<std::unique_ptr<Membership>> open(const LoadedConfig& loaded, Files& files, Random& random,
                                                  const Clock& clock, std::function<void(const Status&)> fatal,
                                                  const std::function<Status()>& before_join = {});

  [[nodiscard]] const NodeIdentity& identity() const { return directory_->identity(); }
  [[nodiscard]] const PartitionMap& map() const { return *map_; }
  /// This start made the cluster: nobody else knows more.
  [[nodiscard]] bool made_cluster() const { return made_cluster_; }
  /// Null: there is one node.
  [[nodiscard]] Peers* peers() const { return peers_.get(); }
  /// The highest that this program knows if there is one node: it speaks with nobody.
  [[nodiscard]] std::uint32_t level_in_force() const {
    return level_ == nullptr ? newest_feature_level : level_->in_force();
  }
  /// Between nodes; null: plain.
  [[nodiscard]] TlsFiles* tls() const { return tls_.get(); }

 private:
  Membership() = default;
  Status open_directory(const LoadedConfig& loaded, Files& files, Random& random, const Clock& clock,
                        const std::function<Status()>& before_join);
  Status open_peers(const LoadedConfig& loaded, Files& files, Random& random, const Clock& clock,
                    std::function<void(const Status&)> fatal);

  std::unique_ptr<TlsFiles> tls_;
  std::unique_ptr<NodeDirectory> directory_;
  std::unique_ptr<PeerRegistry> registry_;
  std::unique_ptr<PartitionMap> map_;
  std::vector<Introduction> members_;  // of the cluster that was joined just now
  std::uint32_t first_level_ = 1;      // of a volume that was empty
  bool made_cluster_ = false;
  std::unique_ptr<FeatureLevel> level_;
  std::unique_ptr<Peers> peers_;
};

}  // namespace engram
