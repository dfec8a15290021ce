#include "cluster/gateway/connection.h"

#include "cluster/logging/logging.h"

namespace engram {
namespace {

/// Answers that wait for a client that does not read. A client that lets more gather is not read from until it reads.
constexpr std::size_t unread_limit_bytes = std::size_t{8} << 20;
constexpr std::uint64_t flow_limit_words = (std::uint64_t{16} << 20) / sizeof(capnp::word);

capnp::ReaderOptions reader_options() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = (std::uint64_t{64} << 20) / sizeof(capnp::word);
  options.nestingLimit = 32;
  return options;
}

struct Connection {
  Connection(GatewayServices& services, GatewayLoop& loop, kj::Own<kj::AsyncIoStream> accepted, std::string peer)
      : state(kj::refcounted<ConnectionState>(services, loop, std::move(peer))),
        io(kj::mv(accepted)),
        stream(*io, services.config->listen.unauthenticated_message_bytes),
        network(stream, capnp::rpc::twoparty::Side::SERVER, reader_options()),
        rpc(capnp::makeRpcServer(network, make_bootstrap(kj::addRef(*state)))) {
    rpc.setFlowLimit(flow_limit_words);
    stream.set_read_gate([this] { return network.getCurrentQueueSize() < unread_limit_bytes; });
    stream.set_max_open_questions(ConnectionState::max_questions_before_authentication);
    state->stream = &stream;
    state->last_call_ns = services.clock->monotonic_ns();
    services.metrics->connections.open.add(1);
  }
  ~Connection() noexcept(false) {
    state->stream = nullptr;
    state->services.metrics->connections.open.add(-1);
  }

  kj::Own<ConnectionState> state;
  kj::Own<kj::AsyncIoStream> io;
  rpc::BatchedMessageStream stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

/// Ends (so that the connection is dropped) when the client did not authenticate in time, or is idle for too long.
kj::Promise<void> watch(kj::Own<ConnectionState> state, std::int64_t wait_ns) {
  auto& timer = state->loop.timer();
  return timer.afterDelay(wait_ns * kj::NANOSECONDS).then([state = kj::mv(state)]() mutable -> kj::Promise<void> {
    auto close = [&](const char* reason) -> kj::Promise<void> {
      log_event(LogLevel::info, "connection closed", {{"peer", state->peer}, {"reason", reason}});
      return kj::READY_NOW;
    };
    if (!state->authenticated) return close("not authenticated in time");
    std::int64_t allowed_ns = state->services.config->listen.idle_timeout_ms * 1'000'000;
    if (allowed_ns == 0) return kj::NEVER_DONE;
    std::int64_t idle_ns = state->services.clock->monotonic_ns() - state->last_call_ns;
    if (state->calls_in_flight > 0) return watch(kj::mv(state), allowed_ns);
    if (idle_ns >= allowed_ns) return close("idle");
    return watch(kj::mv(state), allowed_ns - idle_ns);
  });
}

}  // namespace

Status ConnectionState::admit() {
  if (services.draining) return {Code::unavailable, "The node is shutting down; connect again in a moment."};
  const auto& limits = services.config->listen;
  last_call_ns = services.clock->monotonic_ns();
  if (calls_in_flight >= limits.max_calls_per_connection)
    return {Code::overloaded, "This connection has more calls in flight than it may; wait for answers first.",
            "listen.max_calls_per_connection", limits.max_calls_per_connection};
  if (services.calls_in_flight.load(std::memory_order_relaxed) >= limits.max_calls_in_flight)
    return {Code::overloaded, "The node has more calls in flight than it may; retry with a pause.",
            "listen.max_calls_in_flight", limits.max_calls_in_flight};
  ++calls_in_flight;
  services.calls_in_flight.fetch_add(1, std::memory_order_relaxed);
  return {};
}

void ConnectionState::leave() {
  --calls_in_flight;
  services.calls_in_flight.fetch_sub(1, std::memory_order_relaxed);
}

void ConnectionState::authenticated_now() {
  authenticated = true;
  if (stream == nullptr) return;
  const auto& limits = services.config->listen;
  stream->set_max_message_bytes(limits.max_message_bytes);
  stream->set_max_open_questions(limits.max_calls_per_connection + max_questions_behind_calls);
}

kj::Promise<void> serve_connection(GatewayServices& services, GatewayLoop& loop, kj::Own<kj::AsyncIoStream> stream,
                                   std::string peer) {
  auto connection = kj::heap<Connection>(services, loop, kj::mv(stream), std::move(peer));
  auto gone = connection->network.onDisconnect().then([&connection = *connection] {
    if (connection.stream.too_many_questions())
      log_event(LogLevel::warn, "connection closed",
                {{"peer", connection.state->peer}, {"reason", "more questions unfinished than it may have"}});
  });
  auto watched = watch(kj::addRef(*connection->state), services.config->listen.handshake_timeout_ms * 1'000'000);
  return gone.exclusiveJoin(kj::mv(watched)).attach(kj::mv(connection));
}

}  // namespace engram
