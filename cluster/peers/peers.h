#pragma once
// The other nodes of the cluster, as one object: connections to them (network.h), packets on these (wire.h), and mail to their
// partitions (link.h).
//
// A node whose identity another one does not accept gets no mail from it and gives it none. Of two processes with one identity
// the newer one is let in, and the older is told to stop (`fenced`): it may be a volume that was copied, or a process that was
// cut off while its pod was started elsewhere.

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>

#include "actors/partition/partition_actor.h"
#include "cluster/config/config.h"
#include "cluster/identity/feature_level.h"
#include "cluster/identity/peer_registry.h"
#include "cluster/map/cluster_member.h"
#include "cluster/map/partition_map.h"
#include "cluster/peers/link.h"
#include "cluster/peers/network.h"
#include "cluster/peers/network_failure.h"
#include "cluster/peers/wire.h"

namespace engram {

struct PeersOptions {
  const Config* config = nullptr;
  Introduction self;
  const PartitionMap* map = nullptr;
  PeerRegistry* registry = nullptr;
  FeatureLevel* level = nullptr;
  TlsFiles* tls = nullptr;  // null: plain TCP
  /// A newer process of this node was let in somewhere: this one has to end. On a thread of the network.
  std::function<void(const Status&)> fenced;
};

/// One other node, as this one knows it.
struct PeerView {
  std::uint32_t ordinal = 0;
  std::string address;  // between nodes
  bool connected = false;
  std::optional<Introduction> introduction;  // of the last connection
  std::optional<NodeStatus> status;          // as it told last, and how long ago
  std::int64_t status_age_ms = 0;
  Status error;  // why it is not connected, or refuses this node
};

class Peers final : public MailRoute {
 public:
  Peers(PeersOptions options, const Clock& clock, Random& random);
  ~Peers() override;

  /// Listens and calls. `take` gets what comes for this node's partitions, on the wire's thread. Errors: invalid_argument (an
  /// address), unavailable (the port is in use).
  /// `own_status` is what the others are told, on a thread of this object.
  Status open(std::function<void(PartitionId to, Mail mail)> take, std::function<NodeStatus()> own_status);
  /// Until every node that this one calls is connected or does not answer, and no longer than that. Error: one of them does not
  /// accept this node for who it is, with its reason.
  Status wait_until_known(std::int64_t timeout_ms);

  void send(PartitionId to, Mail mail) override;
  [[nodiscard]] Status away(PartitionId partition) const override;
  void hold() override;
  bool release() override;
  /// This node is about to stop: the others hold back what is new for the process after this one.
  void drain();
  /// Ends all connections; `take` is not called any more.
  void close();

  [[nodiscard]] const PeerLinkGauges& gauges(std::uint32_t ordinal) const { return links_.at(ordinal)->gauges(); }
  /// The next volume that comes with this ordinal is taken for right. Errors: invalid_argument (no such node, or this one), those
  /// of PeerRegistry.
  Status forget_volume(std::uint32_t ordinal);
  /// Of every other node, by ordinal.
  [[nodiscard]] std::vector<PeerView> view() const;
  /// The same, as far as clients need it: they ask often, and are many.
  [[nodiscard]] std::vector<ClusterMember> members() const;
  /// As that node told last.
  [[nodiscard]] std::optional<NodeStatus> status_of(std::uint32_t ordinal) const;
  /// Raises the feature level to the highest that all nodes know, and gives it; the others take it over as they hear of it.
  /// Errors: precondition_failed (a node is away, or does not know more than is in force), those of FeatureLevel.
  Result<std::uint32_t> finalize();

 private:
  class Host;
  struct PeerState {
    bool connected = false;
    bool seen = false;
    std::int64_t away_since_ns = 0;  // monotonic; of one that was connected
    Introduction introduction;
    Status refusal;  // of this node by that one
    // Either way: both ends try again twice a second, until somebody does something about it.
    SparseLog refusals{30'000};
    std::string last_refusal;
    std::optional<NodeStatus> status;
    std::int64_t status_ns = 0;  // monotonic
  };

  [[nodiscard]] Status judge(const Introduction& peer) const;
  [[nodiscard]] bool may_come_in(const Introduction& peer);
  void connected(PeerSocket socket);
  void refused(std::uint32_t ordinal, bool by_peer, const Status& status);
  void log_refusal(std::uint32_t ordinal, bool by_peer, const Status& status);
  void up(std::uint64_t connection);
  void tell_partitions(std::uint32_t reconnected);
  void down(std::uint64_t connection, const Status& why);
  void receive(std::uint64_t connection, const PacketBytes& packet);
  [[nodiscard]] PeerLink* link_of(std::uint64_t connection) const;
  void call(std::uint32_t ordinal);
  void close_connection(std::uint64_t connection);
  void call_who_should_call();
  void tell_status();
  void tick();
  [[nodiscard]] Introduction introduction() const;
  void told(std::uint32_t ordinal, const NodeStatus& status);
  void take_over(std::uint32_t level);

  PeersOptions options_;
  const Clock& clock_;
  Random& random_;
  const std::int64_t made_ns_;  // monotonic
  std::vector<std::string> addresses_;
  std::map<std::uint32_t, std::unique_ptr<Host>> hosts_;      // by ordinal, made once
  std::map<std::uint32_t, std::unique_ptr<PeerLink>> links_;  // the same
  std::function<void(PartitionId, Mail)> take_;
  std::function<NodeStatus()> own_status_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, PeerState> peers_;
  std::map<std::uint64_t, std::uint32_t> connections_;  // that were adopted -> ordinal
  bool closing_ = false;

  std::shared_mutex wire_mutex_;  // held while the wire is used: partitions may send until the very end
  std::unique_ptr<PeerWire> wire_;
  std::unique_ptr<PeerNetwork> network_;
  std::thread ticker_;
};

}  // namespace engram
