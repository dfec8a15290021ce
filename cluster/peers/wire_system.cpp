#include "cluster/peers/wire_system.h"

#include <span>
#include <string>
#include <vector>

#include <caf/io/middleman.hpp>
#include <caf/node_id.hpp>

#include "cluster/peers/wire_loop.h"
#include "storage/base/random.h"

namespace engram {
namespace {

/// CAF makes a node's id of its network cards, its root disk and its process id: the same for two containers with process 1,
/// whose nodes take each other for themselves then.
caf::node_id random_node_id() {
  SystemRandom random;
  caf::node_id::default_data::host_id_type host;
  random.fill(std::as_writable_bytes(std::span(host)));
  return caf::make_node_id(static_cast<std::uint32_t>(random.next64() | 1), host);  // 0 is no process
}

class WireMiddleman final : public caf::io::middleman {
 public:
  WireMiddleman(caf::actor_system& system, std::chrono::nanoseconds busy_poll)
      : middleman(system), loop_(system, busy_poll) {}

  caf::io::network::multiplexer& backend() override { return loop_; }
  void init(caf::actor_system_config& config) override {
    middleman::init(config);
    // Set here by CAF's middleman, which alone may; and before there is an actor that would have the other one.
    const_cast<caf::node_id&>(system().node()) = random_node_id();  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  }

 private:
  WireLoop loop_;
};

}  // namespace

WireSystem::WireSystem(std::chrono::nanoseconds busy_poll) {
  config_.module_factories.emplace_back([busy_poll](caf::actor_system& system) -> caf::actor_system::module* {
    return new WireMiddleman(system, busy_poll);  // the system owns it
  });
  config_.set("scheduler.policy", caf::atom("sharing"))
      .set("scheduler.max-threads", 1)
      .set("scheduler.max-throughput", 64)  // messages at a time; then the loop looks at its sockets
      .set("middleman.workers", 0)          // what comes is read on the loop's thread: one hop less
      .set("middleman.attach-utility-actors", true)
      .set("middleman.app-identifiers", std::vector<std::string>{"engram-peer"});
  system_ = std::make_unique<caf::actor_system>(config_);
}

caf::io::network::default_multiplexer& WireSystem::loop() {
  return static_cast<caf::io::network::default_multiplexer&>(system_->middleman().backend());
}

}  // namespace engram
