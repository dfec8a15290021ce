// The bootstrap capability and the session: who may do what.

#include "cluster/gateway/capabilities.h"
#include "cluster/logging/logging.h"
#include "storage/base/hex.h"

namespace engram {
namespace {

constexpr std::size_t max_ping_bytes = 64 << 10;

class EngramServer final : public schema::Engram::Server {
 public:
  explicit EngramServer(kj::Own<ConnectionState> state) : state_(kj::mv(state)) {}

  kj::Promise<void> authenticate(AuthenticateContext context) override {
    std::int64_t started_ns = state_->services.clock->monotonic_ns();
    auto results = context.getResults();
    auto grant = check(context.getParams().getToken());
    record(Operation::authenticate, grant.status().code(), started_ns);
    if (!grant.ok()) {
      write_error(grant.status(), results.initError());
      return kj::READY_NOW;
    }
    state_->authenticated_now();
    results.setRole(static_cast<schema::Role>(grant->role));
    bool open_mode = state_->services.tokens == nullptr;
    results.setSession(make_session(kj::refcounted<SessionRights>(kj::addRef(*state_), std::move(*grant), open_mode)));
    return kj::READY_NOW;
  }

  kj::Promise<void> ping(PingContext context) override {
    auto payload = context.getParams().getPayload();
    std::int64_t started_ns = state_->last_call_ns = state_->services.clock->monotonic_ns();
    bool fits = payload.size() <= max_ping_bytes;
    if (fits) context.getResults().setPayload(payload);
    record(Operation::ping, fits ? Code::none : Code::too_large, started_ns);
    KJ_REQUIRE(fits, "ping: payload is larger than 64 KiB");
    return kj::READY_NOW;
  }

 private:
  /// For calls that need no token, and so have no CallScope.
  void record(Operation operation, Code code, std::int64_t started_ns) {
    GatewayServices& services = state_->services;
    auto elapsed = static_cast<std::uint64_t>(services.clock->monotonic_ns() - started_ns);
    services.metrics->requests.record(operation, code, elapsed);
  }

  Result<Grant> check(capnp::Data::Reader token) {
    GatewayServices& services = state_->services;
    if (services.tokens == nullptr) {
      Grant all;
      all.name = "open";
      all.role = Role::admin;
      return all;
    }
    // Without the port: a new connection is no new peer.
    auto address = parse_endpoint(state_->peer);
    std::string peer = limiter_peer(address.ok() ? address->host : state_->peer);
    if (std::int64_t wait = services.limiter->wait_ms(peer); wait > 0)
      return Status(Code::overloaded,
                    "Too many wrong tokens from this address; wait " + std::to_string(wait) + " ms.", "token");
    auto grant = services.tokens->authenticate({reinterpret_cast<const std::byte*>(token.begin()), token.size()});
    if (grant.ok()) {
      services.limiter->succeeded(peer);
    } else {
      services.limiter->failed(peer);
      services.metrics->connections.authentication_failures.add();
      log_event(LogLevel::warn, "authentication failed", {{"peer", state_->peer}});
      if (token.size() == 0)
        return Status(Code::unauthenticated,
                      "this engine needs a token: --token-file on the command line; programs authenticate with it", "token");
    }
    return grant;
  }

  kj::Own<ConnectionState> state_;
};

SpaceRoute route_of(schema::SpaceInfo::Reader info, std::uint32_t partitions) {
  SpaceRoute route;
  route.id = {info.getId()};
  route.placement = static_cast<Placement>(info.getPlacement());
  route.home = home_of_space({info.getName().begin(), info.getName().size()}, partitions);
  return route;
}

/// Who owns what, and where clients find the owners.
void write_map(const GatewayServices& services, schema::ServerInfo::Builder info) {
  std::vector<ClusterMember> members = services.members();
  auto nodes = info.initNodes(static_cast<unsigned>(members.size()));
  for (unsigned i = 0; i < nodes.size(); ++i) {
    nodes[i].setOrdinal(members[i].ordinal);
    nodes[i].setAddress(members[i].address.c_str());
    nodes[i].setConnected(members[i].connected);
  }
  const PartitionMap& map = services.engine->map();
  auto owners = info.initOwners(map.partitions());
  for (std::uint16_t i = 0; i < owners.size(); ++i) owners.set(i, static_cast<std::uint16_t>(map.owner({i})));
}

class SessionServer final : public schema::Session::Server {
 public:
  explicit SessionServer(kj::Own<SessionRights> rights) : rights_(kj::mv(rights)) {}

  kj::Promise<void> info(InfoContext context) override {
    CallScope scope(kj::addRef(*rights_), Operation::info);
    scope.ended(scope.status().code());
    if (!scope.status().ok()) {
      write_error(scope.status(), context.getResults().initError());
      return kj::READY_NOW;
    }
    GatewayServices& services = rights_->connection().services;
    auto info = context.getResults().initInfo();
    info.setVersion(engram_version());
    info.setNode(services.node);
    info.setPartitions(services.engine->partitions());
    info.setMaxCommandBytes(static_cast<std::uint32_t>(services.config->limits.max_command_bytes));
    info.setMaxOperations(static_cast<std::uint32_t>(services.config->limits.max_operations));
    info.setRole(static_cast<schema::Role>(rights_->grant().role));
    info.setClusterId({services.cluster_id.bytes.data(), services.cluster_id.bytes.size()});
    write_map(services, info);
    return kj::READY_NOW;
  }

  kj::Promise<void> openSpace(OpenSpaceContext context) override {
    auto scope = kj::heap<CallScope>(kj::addRef(*rights_), Operation::open_space);
    auto name = context.getParams().getName();
    std::string_view wanted(name.begin(), name.size());
    Status status = scope->status();
    if (status.ok() && !rights_->grant().allows_space(wanted))
      status = Status(Code::permission_denied,
                      "The token is not allowed to use the space \"" + std::string(wanted) + "\".", "name");
    if (!status.ok()) {
      write_error(status, context.getResults().initError());
      scope->ended(status.code());
      return kj::READY_NOW;
    }
    context.allowCancellation();
    return find_space(std::string(wanted), scope->number())
        .then([this, context, scope = kj::mv(scope)](Frame frame) mutable {
          auto answer = frame.read<schema::Answer>();
          auto results = context.getResults();
          scope->ended(static_cast<Code>(answer.getError().getCode()));
          if (answer.getError().getCode() != schema::ErrorCode::NONE) {
            results.setError(answer.getError());
            return;
          }
          results.setSpace(answer.getFindSpace());
          SpaceRoute route = route_of(answer.getFindSpace(), rights_->connection().services.engine->partitions());
          results.setReader(make_reader(kj::addRef(*rights_), route));
          if (rights_->grant().allows(Role::write)) results.setWriter(make_writer(kj::addRef(*rights_), route));
        });
  }

  kj::Promise<void> listSpaces(ListSpacesContext context) override;
  kj::Promise<void> admin(AdminContext context) override {
    if (rights_->grant().allows(Role::admin)) {
      context.getResults().setAdmin(make_admin(kj::addRef(*rights_)));
    } else {
      write_error({Code::permission_denied, "This needs a token with the role admin.", "role"},
                  context.getResults().initError());
    }
    return kj::READY_NOW;
  }

 private:
  [[nodiscard]] std::int64_t deadline_for(PartitionId partition);
  kj::Promise<Frame> find_space(const std::string& name, RequestNumber number);
  template <typename Fill>
  kj::Promise<Frame> ask(PartitionId partition, RequestNumber number, const Fill& fill);
  kj::Array<kj::Promise<Frame>> ask_for_spaces(capnp::Text::Reader after, std::uint32_t limit, RequestNumber number);
  kj::Promise<Status> count_spaces(capnp::List<schema::SpaceInfo>::Builder spaces, RequestNumber number);

  kj::Own<SessionRights> rights_;
};

/// These calls do not say how long their client waits, which is short where it makes a connection. From a node that is known
/// to be away it hears so soon, and who waits longer asks again.
std::int64_t SessionServer::deadline_for(PartitionId partition) {
  constexpr std::uint32_t while_away_ms = 500;
  GatewayServices& services = rights_->connection().services;
  return deadline_of(*services.clock, services.engine->away(partition).ok() ? 0 : while_away_ms);
}

template <typename Fill>
kj::Promise<Frame> SessionServer::ask(PartitionId partition, RequestNumber number, const Fill& fill) {
  std::int64_t deadline_ns = deadline_for(partition);
  Frame request = Frame::build<schema::Request>([&](schema::Request::Builder out) {
    out.setDeadlineNs(deadline_ns);
    fill(out);
  });
  return rights_->connection().loop.ask(partition, std::move(request), deadline_ns, number);
}

/// Whether there is a space of a name is for the name's home to say, which may be on a node that is away. A partition of this
/// node speaks for it where it can (PartitionRead::find_space): of spread spaces, from when their creation is acknowledged
/// until it has voted for their drop. The home is left with names that nobody has, spaces that are kept together, and those
/// that are coming or going right now.
kj::Promise<Frame> SessionServer::find_space(const std::string& name, RequestNumber number) {
  const Engine& engine = *rights_->connection().services.engine;
  PartitionId home = home_of_space(name, engine.partitions());
  auto question = [name](schema::Request::Builder out) { out.setFindSpace(whole_text(name)); };
  if (engine.is_own(home)) return ask(home, number, question);
  return ask(engine.first_own(), number, question).then([this, home, question, number](Frame frame) -> kj::Promise<Frame> {
    if (frame.read<schema::Answer>().isFindSpace()) return kj::mv(frame);
    return ask(home, number, question);
  });
}

kj::Promise<void> SessionServer::listSpaces(ListSpacesContext context) {
  auto scope = kj::heap<CallScope>(kj::addRef(*rights_), Operation::list_spaces);
  if (!scope->status().ok()) {
    write_error(scope->status(), context.getResults().initError());
    scope->ended(scope->status().code());
    return kj::READY_NOW;
  }
  std::uint32_t limit = std::min<std::uint32_t>(std::max<std::uint32_t>(context.getParams().getLimit(), 1), 10'000);
  context.allowCancellation();
  return kj::joinPromises(ask_for_spaces(context.getParams().getAfter(), limit, scope->number()))
      .then([this, context, limit, scope = kj::mv(scope)](kj::Array<Frame> answers) mutable -> kj::Promise<void> {
        std::vector<schema::SpaceInfo::Reader> all;
        Status failed;
        for (Frame& frame : answers) {
          auto answer = frame.read<schema::Answer>();
          if (answer.isFindSpace()) {
            all.push_back(answer.getFindSpace());
          } else if (answer.isListSpaces()) {
            for (auto space : answer.getListSpaces()) all.push_back(space);
          } else if (answer.getError().getCode() != schema::ErrorCode::UNKNOWN_SPACE) {
            failed = read_error(answer.getError());
          }
        }
        if (!failed.ok()) {
          write_error(failed, context.getResults().initError());
          scope->ended(failed.code());
          return kj::READY_NOW;
        }
        std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.getName() < b.getName(); });
        auto results = context.getResults();
        results.setMore(all.size() > limit);
        auto list = results.initSpaces(static_cast<unsigned>(std::min<std::size_t>(all.size(), limit)));
        for (unsigned i = 0; i < list.size(); ++i) list.setWithCaveats(i, all[i]);
        return count_spaces(list, scope->number()).then([context, scope = kj::mv(scope)](Status counted) mutable {
          if (!counted.ok()) write_error(counted, context.getResults().initError());
          scope->ended(counted.code());
        });
      });
}

/// A spread space has a share in every partition: its counts are their sum, and without one of them they would be wrong.
kj::Promise<Status> SessionServer::count_spaces(capnp::List<schema::SpaceInfo>::Builder spaces, RequestNumber number) {
  kj::Vector<kj::Promise<Frame>> asked;
  for (std::uint16_t i = 0; i < rights_->connection().services.engine->partitions(); ++i)
    asked.add(ask({i}, number, [&](schema::Request::Builder out) {
      auto ids = out.initCountSpaces(spaces.size());
      for (unsigned at = 0; at < spaces.size(); ++at) ids.set(at, spaces[at].getId());
    }));
  return kj::joinPromises(asked.releaseAsArray()).then([spaces](kj::Array<Frame> answers) mutable -> Status {
    for (std::size_t i = 0; i < answers.size(); ++i)
      if (Status error = read_error(answers[i].read<schema::Answer>().getError()); !error.ok())
        return {error.code(), "The counts of partition " + std::to_string(i) + " are missing: " + error.message(), error.field()};
    for (unsigned at = 0; at < spaces.size(); ++at) {
      std::uint64_t vertices = 0, edges = 0, bytes = 0;
      for (Frame& frame : answers) {
        auto share = frame.read<schema::Answer>().getListSpaces()[at];
        vertices += share.getVertices();
        edges += share.getEdges();
        bytes += share.getBytes();
      }
      spaces[at].setVertices(vertices);
      spaces[at].setEdges(edges);
      spaces[at].setBytes(bytes);
    }
    return {};
  });
}

/// The next `limit` spaces and one more, of each partition; or, for a token that may see some spaces only, those by name.
kj::Array<kj::Promise<Frame>> SessionServer::ask_for_spaces(capnp::Text::Reader after, std::uint32_t limit, RequestNumber number) {
  kj::Vector<kj::Promise<Frame>> asked;
  for (const std::string& name : rights_->grant().spaces)
    if (name > std::string_view(after.begin(), after.size())) asked.add(find_space(name, number));
  if (!rights_->grant().spaces.empty()) return asked.releaseAsArray();
  for (std::uint16_t i = 0; i < rights_->connection().services.engine->partitions(); ++i)
    asked.add(ask({i}, number, [&](schema::Request::Builder out) {
      auto list = out.initListSpaces();
      list.setAfter(after);
      list.setLimit(limit + 1);
    }));
  return asked.releaseAsArray();
}

}  // namespace

Status SessionRights::admit() {
  TokenStore* tokens = connection_->services.tokens;
  if (!open_mode_ && tokens != nullptr && !tokens->still_valid(grant_.name, grant_.generation))
    return {Code::unauthenticated, "The token was revoked, changed or has expired; authenticate again."};
  return connection_->admit();
}

CallScope::CallScope(kj::Own<SessionRights> rights, Operation operation)
    : rights_(kj::mv(rights)),
      operation_(operation),
      started_ns_(rights_->connection().services.clock->monotonic_ns()),
      number_{rights_->connection().services.last_request.fetch_add(1, std::memory_order_relaxed) + 1},
      status_(rights_->admit()) {
  if (log_enabled(LogLevel::debug))
    log_event(LogLevel::debug, "call",
              {{"request", hex(number_.value)}, {"operation", operation_name(operation_)}, {"peer", rights_->connection().peer}});
}

CallScope::~CallScope() noexcept(false) {
  if (rights_.get() == nullptr) return;
  GatewayServices& services = rights_->connection().services;
  if (status_.ok()) rights_->leave();
  auto elapsed = static_cast<std::uint64_t>(services.clock->monotonic_ns() - started_ns_);
  services.metrics->requests.record(operation_, code_, elapsed);
  std::int64_t slow_ms = services.config->logging.slow_ms;
  if (slow_ms != 0 && elapsed >= static_cast<std::uint64_t>(slow_ms) * 1'000'000)
    log_event(LogLevel::warn, "slow call",
              {{"request", hex(number_.value)}, {"operation", operation_name(operation_)}, {"ms", elapsed / 1'000'000},
               {"error", code_name(code_)}, {"peer", rights_->connection().peer}});
}

std::int64_t deadline_of(const Clock& clock, std::uint32_t timeout_ms, std::uint32_t default_ms) {
  constexpr std::uint32_t longest_ms = 600'000;
  std::uint32_t wait = timeout_ms == 0 ? default_ms : std::min(timeout_ms, longest_ms);
  return clock.monotonic_ns() + std::int64_t{wait} * 1'000'000;
}

schema::Engram::Client make_bootstrap(kj::Own<ConnectionState> state) { return kj::heap<EngramServer>(kj::mv(state)); }
schema::Session::Client make_session(kj::Own<SessionRights> rights) { return kj::heap<SessionServer>(kj::mv(rights)); }

}  // namespace engram
