#include "cluster/peers/peers_host.h"

#include "cluster/logging/logging.h"
#include "cluster/peers/thread_hold.h"
#include "storage/base/hex.h"

namespace engram {
namespace {

/// Says in the log that the answer to another node took long.
class WatchedPort final : public ReplyPort {
 public:
  WatchedPort(ReplyPortPtr port, const Clock& clock, std::int64_t slow_ns, RequestNumber request, std::uint32_t node,
              PartitionId partition)
      : port_(std::move(port)),
        clock_(clock),
        slow_ns_(slow_ns),
        started_ns_(clock.monotonic_ns()),
        request_(request),
        node_(node),
        partition_(partition) {}

  void reply(Frame answer) override {
    std::int64_t elapsed_ns = clock_.monotonic_ns() - started_ns_;
    if (elapsed_ns >= slow_ns_)
      log_event(LogLevel::warn, "slow part of a call",
                {{"request", hex(request_.value)}, {"for_node", node_}, {"partition", partition_.value}, {"ms", elapsed_ns / 1'000'000}});
    port_->reply(std::move(answer));
  }
  [[nodiscard]] bool cancelled() const override { return port_->cancelled(); }

 private:
  const ReplyPortPtr port_;
  const Clock& clock_;
  const std::int64_t slow_ns_, started_ns_;
  const RequestNumber request_;
  const std::uint32_t node_;
  const PartitionId partition_;
};

struct Part {
  const char* kind = nullptr;  // null: of no client's call
  RequestNumber request;
  ReplyPortPtr* port = nullptr;
};

Part part_of(Mail& mail) {
  if (auto* request = std::get_if<RequestMail>(&mail)) return {"read", request->request_number, &request->port};
  if (auto* submit = std::get_if<SubmitMail>(&mail)) return {"command", submit->request_number, &submit->port};
  if (auto* command = std::get_if<PeerCommandMail>(&mail)) return {"transaction", command->request_number, nullptr};
  return {};
}

}  // namespace

void Peers::Host::transmit(std::uint64_t connection, PacketBytes packet) {
  std::lock_guard lock(batch_mutex_);
  if (!batch_.has_room_for(connection, packet)) send_batch();
  batch_.add(connection, std::move(packet));
  bool alone = peers_.options_.level->in_force() < batch_feature_level;
  if (alone || !ThreadHold::waits(&peers_)) send_batch();
}

bool Peers::Host::send_waiting() {
  std::lock_guard lock(batch_mutex_);
  if (batch_.empty()) return false;
  send_batch();
  return true;
}

/// Under the batch's lock.
void Peers::Host::send_batch() {
  if (batch_.empty()) return;
  std::uint64_t connection = batch_.connection();
  std::shared_lock lock(peers_.wire_mutex_);
  if (peers_.wire_ != nullptr) peers_.wire_->send(connection, batch_.take());
  (void)batch_.take();
}

void Peers::Host::deliver(PartitionId to, Mail mail) {
  Part part = part_of(mail);
  if (part.request.value != 0) {
    if (log_enabled(LogLevel::debug))
      log_event(LogLevel::debug, "part of a call",
                {{"request", hex(part.request.value)}, {"for_node", ordinal_}, {"partition", to.value}, {"kind", part.kind}});
    std::int64_t slow_ns = peers_.options_.config->logging.slow_ms * 1'000'000;
    if (slow_ns != 0 && part.port != nullptr && *part.port != nullptr)
      *part.port =
          std::make_shared<WatchedPort>(std::move(*part.port), peers_.clock_, slow_ns, part.request, ordinal_, to);
  }
  peers_.take_(to, std::move(mail));
}

void Peers::Host::drop(std::uint64_t connection, const Status& why) {
  log_event(LogLevel::error, "a connection to a peer is ended", {{"node", ordinal_}, {"error", why.message()}});
  peers_.close_connection(connection);
}

}  // namespace engram
