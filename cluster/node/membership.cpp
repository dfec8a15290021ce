#include "cluster/node/membership.h"

#include "cluster/config/cluster_config.h"
#include "cluster/logging/logging.h"
#include "cluster/node/join.h"
#include "cluster/operations/metrics.h"

namespace engram {

Result<std::unique_ptr<Membership>> Membership::open(const LoadedConfig& loaded, Files& files, Random& random,
                                                     const Clock& clock, std::function<void(const Status&)> fatal,
                                                     const std::function<Status()>& before_join) {
  std::unique_ptr<Membership> membership(new Membership());
  const Config& config = loaded.config;
  if (!config.cluster.certificate.empty()) {
    auto tls = TlsFiles::open({config.cluster.certificate, config.cluster.key, config.cluster.ca}, clock);
    if (!tls.ok()) return tls.status();
    membership->tls_ = std::move(*tls);
  }
  if (Status status = membership->open_directory(loaded, files, random, clock, before_join); !status.ok()) return status;
  const NodeIdentity& identity = membership->identity();
  membership->map_ = std::make_unique<FixedPartitionMap>(identity.nodes, identity.partitions);
  if (identity.nodes > 1)
    if (Status status = membership->open_peers(loaded, files, random, clock, std::move(fatal)); !status.ok()) return status;
  return membership;
}

Status Membership::open_directory(const LoadedConfig& loaded, Files& files, Random& random, const Clock& clock,
                                  const std::function<Status()>& before_join) {
  const Config& config = loaded.config;
  IdentityOptions options;
  options.data_dir = config.data.dir;
  options.ordinal = static_cast<std::uint32_t>(config.node.ordinal);
  options.nodes = static_cast<std::uint32_t>(config.cluster.nodes);
  options.name = cluster_name(config);
  options.partitions = static_cast<std::uint32_t>(config.cluster.partitions);
  options.default_partitions = default_partitions(config, loaded.machine.cores);
  auto fresh = NodeDirectory::is_new(config.data.dir, files);
  if (!fresh.ok()) return fresh.status();
  if (*fresh && options.nodes > 1) {
    if (Status status = before_join ? before_join() : Status(); !status.ok()) return status;
    Introduction self;
    self.name = options.name;
    self.ordinal = options.ordinal;
    self.nodes = options.nodes;
    self.partitions = options.partitions != 0 ? options.partitions : options.default_partitions;
    self.version = engram_version();
    self.newest_level = newest_feature_level;
    auto found = find_cluster(config, self, tls_.get(), clock, random);
    if (!found.ok()) return found.status();
    options.cluster_id = found->cluster_id;
    members_ = std::move(found->members);
    first_level_ = found->level;
    made_cluster_ = found->made;
    log_event(LogLevel::info, found->made ? "a cluster is made" : "an empty volume joins its cluster",
              {{"cluster_id", found->cluster_id.hex()}, {"ordinal", options.ordinal}});
  }
  auto directory = NodeDirectory::open(options, files, random, clock);
  if (!directory.ok()) return directory.status();
  directory_ = std::make_unique<NodeDirectory>(std::move(*directory));
  return {};
}

Status Membership::open_peers(const LoadedConfig& loaded, Files& files, Random& random, const Clock& clock,
                              std::function<void(const Status&)> fatal) {
  auto starts = directory_->count_start(files);
  if (!starts.ok()) return starts.status();
  auto registry = PeerRegistry::open(loaded.config.data.dir, files);
  if (!registry.ok()) return registry.status();
  registry_ = std::move(*registry);
  for (const Introduction& member : members_)
    if (Status status = registry_->remember(member.ordinal, member.disk_id, member.incarnation); !status.ok()) return status;
  auto level = FeatureLevel::open(loaded.config.data.dir, files);
  if (!level.ok()) return level.status();
  level_ = std::move(*level);
  if (Status status = level_->raise(first_level_); !status.ok()) return status;
  PeersOptions options;
  options.config = &loaded.config;
  options.self = {.cluster_id = identity().cluster_id,
                  .disk_id = identity().disk_id,
                  .name = identity().name,
                  .ordinal = identity().ordinal,
                  .nodes = identity().nodes,
                  .partitions = identity().partitions,
                  .version = engram_version(),
                  .incarnation = {*starts, random.next64()},
                  .newest_level = newest_feature_level,
                  .client_address = client_address(loaded.config)};
  options.level = level_.get();
  options.map = map_.get();
  options.registry = registry_.get();
  options.tls = tls_.get();
  options.fenced = std::move(fatal);
  peers_ = std::make_unique<Peers>(std::move(options), clock, random);
  return {};
}

}  // namespace engram
