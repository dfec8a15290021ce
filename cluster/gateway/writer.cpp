// Commands: checked here, decided by the partition that they go to.

#include "actors/partition/command_check.h"
#include "cluster/gateway/capabilities.h"

namespace engram {
namespace {

/// Room for the outcome of a small command; that of a large one takes more as it is written.
constexpr capnp::MessageSize outcome_size{64, 0};

class WriterServer final : public schema::Writer::Server {
 public:
  WriterServer(kj::Own<SessionRights> rights, const SpaceRoute& space) : rights_(kj::mv(rights)), space_(space) {}

  kj::Promise<void> submit(SubmitContext context) override {
    auto scope = kj::heap<CallScope>(kj::addRef(*rights_), Operation::submit);
    auto params = context.getParams();
    auto data = params.getCommand();
    Status refused = scope->status();
    if (refused.ok()) {
      auto command = check_command({reinterpret_cast<const std::byte*>(data.begin()), data.size()}, CommandKind::batch,
                                   rights_->connection().services.command_limits());
      if (command.ok()) {
        CommandView view(*command);
        if (view.root().getSpace() == space_.id.value) {
          std::uint32_t timeout_ms = params.getTimeoutMs();
          CallScope& call = *scope;
          return submit_command(*rights_, space_, std::move(*command), timeout_ms,
                                [context]() mutable { return context.getResults(outcome_size).initOutcome(); }, call)
              .attach(kj::mv(scope));
        }
        refused = Status(Code::permission_denied,
                         "The command names another space than the one that this writer was opened for.", "space");
      } else {
        refused = command.status();
      }
    }
    write_error(refused, context.getResults().initOutcome().initError());
    scope->ended(refused.code());
    return kj::READY_NOW;
  }

 private:
  kj::Own<SessionRights> rights_;
  SpaceRoute space_;
};

class AdminServer final : public schema::Admin::Server {
 public:
  explicit AdminServer(kj::Own<SessionRights> rights) : rights_(kj::mv(rights)) {}

  kj::Promise<void> submit(SubmitContext context) override {
    auto scope = kj::heap<CallScope>(kj::addRef(*rights_), Operation::admin_submit);
    auto data = context.getParams().getCommand();
    auto command = scope->status().ok()
                       ? check_command({reinterpret_cast<const std::byte*>(data.begin()), data.size()},
                                       CommandKind::administration, rights_->connection().services.command_limits())
                       : Result<CommandBytes>(scope->status());
    if (!command.ok()) return refuse(context, *scope, command.status());
    std::uint32_t timeout_ms = context.getParams().getTimeoutMs();
    CommandView view(*command);
    if (view.root().isCreateSpace()) {
      auto name = view.root().getCreateSpace().getName();
      if (!rights_->grant().allows_space({name.begin(), name.size()}))
        return refuse(context, *scope, not_this_space("createSpace.name"));
      return send(context, SpaceRoute{}, std::move(*command), timeout_ms, kj::mv(scope));
    }
    SpaceId id{view.root().getSpace()};
    std::int64_t deadline_ns = deadline_of(*rights_->connection().services.clock, timeout_ms);
    return find_route(id, deadline_ns, scope->number(), nearest_first()).then([this, context, timeout_ms, command = std::move(*command),
                                    scope = kj::mv(scope)](Result<SpaceRoute> route) mutable {
      if (!route.ok()) return refuse(context, *scope, route.status());
      return send(context, *route, std::move(command), timeout_ms, kj::mv(scope));
    });
  }

  kj::Promise<void> statistics(StatisticsContext context) override {
    CallScope scope(kj::addRef(*rights_), Operation::admin_statistics);
    Status status = may_touch_all(scope);
    auto& services = rights_->connection().services;
    if (status.ok()) {
      context.getResults().setJson(services.status ? services.status().c_str() : "{}");
    } else {
      write_error(status, context.getResults().initError());
    }
    scope.ended(status.code());
    return kj::READY_NOW;
  }

  kj::Promise<void> finalize(FinalizeContext context) override {
    CallScope scope(kj::addRef(*rights_), Operation::admin_finalize);
    Result<std::uint32_t> level = may_touch_all(scope);
    if (level.status().ok()) level = rights_->connection().services.finalize();
    if (level.ok()) {
      context.getResults().setLevel(*level);
    } else {
      write_error(level.status(), context.getResults().initError());
    }
    scope.ended(level.status().code());
    return kj::READY_NOW;
  }

  kj::Promise<void> forgetVolume(ForgetVolumeContext context) override {
    CallScope scope(kj::addRef(*rights_), Operation::admin_forget_volume);
    Status status = may_touch_all(scope);
    if (status.ok()) status = rights_->connection().services.forget_volume(context.getParams().getOrdinal());
    if (!status.ok()) write_error(status, context.getResults().initError());
    scope.ended(status.code());
    return kj::READY_NOW;
  }

 private:
  /// The engine and the cluster belong to all spaces, and so not to a token that is limited to some.
  [[nodiscard]] Status may_touch_all(const CallScope& scope) const {
    if (!scope.status().ok() || rights_->grant().spaces.empty()) return scope.status();
    return {Code::permission_denied,
            "The token is limited to some spaces, and this concerns all: it needs a token with the role admin and no list of "
            "spaces.",
            "spaces"};
  }

  kj::Promise<void> send(SubmitContext context, SpaceRoute route, CommandBytes command, std::uint32_t timeout_ms,
                         kj::Own<CallScope> scope) {
    CallScope& call = *scope;
    return submit_command(*rights_, route, std::move(command), timeout_ms,
                          [context]() mutable { return context.getResults(outcome_size).initOutcome(); }, call)
        .attach(kj::mv(scope));
  }

  static Status not_this_space(const char* field) {
    return {Code::permission_denied, "The token is not allowed to administer this space.", field};
  }

  kj::Promise<void> refuse(SubmitContext& context, CallScope& scope, const Status& status) {
    write_error(status, context.getResults().initOutcome().initError());
    scope.ended(status.code());
    return kj::READY_NOW;
  }

  /// The order in which partitions are asked for a space's id: this node's know all spread spaces, and those whose node is
  /// away are worth waiting for only if nobody else knows it.
  [[nodiscard]] std::vector<PartitionId> nearest_first() {
    const Engine& engine = *rights_->connection().services.engine;
    std::vector<PartitionId> own, there, away;
    for (std::uint16_t i = 0; i < engine.partitions(); ++i) {
      PartitionId partition{i};
      (engine.is_own(partition) ? own : engine.away(partition).ok() ? there : away).push_back(partition);
    }
    own.insert(own.end(), there.begin(), there.end());
    own.insert(own.end(), away.begin(), away.end());
    return own;
  }

  /// Asks the first of the partitions, and then the others, until one knows the space's id: administration is rare, and a
  /// cache could be wrong.
  kj::Promise<Result<SpaceRoute>> find_route(SpaceId id, std::int64_t deadline_ns, RequestNumber number,
                                             std::vector<PartitionId> partitions) {
    using Found = Result<SpaceRoute>;
    if (partitions.empty())
      return Found(Status(Code::unknown_space, "There is no such space; it may have been dropped.", "space"));
    PartitionId first = partitions.front();
    partitions.erase(partitions.begin());
    Frame request = Frame::build<schema::Request>([&](schema::Request::Builder out) {
      out.setDeadlineNs(deadline_ns);
      out.initCountSpaces(1).set(0, id.value);
    });
    return rights_->connection().loop.ask(first, std::move(request), deadline_ns, number)
        .then([this, id, deadline_ns, number, left = std::move(partitions)](Frame frame) mutable -> kj::Promise<Found> {
          auto answer = frame.read<schema::Answer>();
          if (Status error = read_error(answer.getError()); !error.ok())
            return Found(Status(error.code(), error.message() + " Nothing was changed.", error.field()));
          auto space = answer.getListSpaces()[0];
          std::string_view name(space.getName().begin(), space.getName().size());
          if (name.empty()) return find_route(id, deadline_ns, number, std::move(left));
          if (!rights_->grant().allows_space(name)) return Found(not_this_space("space"));
          std::uint32_t partitions_in_all = rights_->connection().services.engine->partitions();
          return Found(SpaceRoute{id, static_cast<Placement>(space.getPlacement()), home_of_space(name, partitions_in_all)});
        });
  }

  kj::Own<SessionRights> rights_;
};

}  // namespace

kj::Promise<void> submit_command(SessionRights& rights, const SpaceRoute& space, CommandBytes command,
                                 std::uint32_t timeout_ms, std::function<schema::Outcome::Builder()> outcome,
                                 CallScope& scope) {
  ConnectionState& connection = rights.connection();
  GatewayServices& services = connection.services;
  CommandView view(command);
  PartitionId coordinator = coordinator_of(view.root(), space, services.engine->partitions());
  std::int64_t deadline_ns = deadline_of(*services.clock, timeout_ms);
  return connection.loop.submit(coordinator, std::move(command), deadline_ns, scope.number())
      .then([outcome = std::move(outcome), &scope](Frame frame) {
        auto answer = frame.read<schema::Answer>();
        auto out = outcome();
        if (answer.isOutcome()) {
          auto reader = answer.getOutcome();
          if (reader.getError().getCode() != schema::ErrorCode::NONE) out.setError(reader.getError());
          out.setVersion(reader.getVersion());
          out.setPartition(reader.getPartition());
          out.setAcceptedNs(reader.getAcceptedNs());
          out.setCreated(reader.getCreated());
          out.setUpdated(reader.getUpdated());
          out.setDeleted(reader.getDeleted());
          out.setDuplicate(reader.getDuplicate());
          out.setSpace(reader.getSpace());
          scope.ended(static_cast<Code>(reader.getError().getCode()));
        } else {
          out.setError(answer.getError());
          scope.ended(static_cast<Code>(answer.getError().getCode()));
        }
      });
}

schema::Writer::Client make_writer(kj::Own<SessionRights> rights, const SpaceRoute& space) {
  return kj::heap<WriterServer>(kj::mv(rights), space);
}
schema::Admin::Client make_admin(kj::Own<SessionRights> rights) { return kj::heap<AdminServer>(kj::mv(rights)); }

}  // namespace engram
