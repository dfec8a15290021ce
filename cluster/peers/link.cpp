#include "cluster/peers/link.h"

#include "cluster/peers/link_core.h"

namespace engram {
namespace {

class Link final : public PeerLink {
 public:
  Link(const PeerLinkOptions& options, const PartitionMap& map, PeerLinkHost& host, const Clock& clock)
      : core_(std::make_shared<LinkCore>(options, map, host, clock)) {}
  ~Link() override { core_->close(); }

  void send(PartitionId to, Mail mail) override { core_->send(to, std::move(mail)); }
  void up(std::uint64_t connection) override { core_->up(connection); }
  void down(std::uint64_t connection) override { core_->down(connection); }
  void receive(std::uint64_t connection, const PacketBytes& packet) override { core_->receive(connection, packet); }
  void tick() override { core_->tick(); }
  void close() override { core_->close(); }
  void drain() override { core_->drain(); }
  void tell(std::shared_ptr<const NodeStatus> status) override { core_->tell(std::move(status)); }
  [[nodiscard]] const PeerLinkGauges& gauges() const override { return core_->gauges(); }

 private:
  std::shared_ptr<LinkCore> core_;
};

}  // namespace

std::unique_ptr<PeerLink> PeerLink::make(const PeerLinkOptions& options, const PartitionMap& map, PeerLinkHost& host,
                                         const Clock& clock) {
  return std::make_unique<Link>(options, map, host, clock);
}

}  // namespace engram
