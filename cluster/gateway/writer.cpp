// Commands: checked here, decided by the partition that they go to.

#include "actors/partition/command_check.h"
#include "cluster/gateway/capabilities.h"

namespace engram {
namespace {

Frame outcome_unknown() {
  Outcome unknown;
  unknown.status = Status(Code::deadline_exceeded,
                          "The time given ran out before the command was decided: its outcome is unknown. Ask again with "
                          "the same sequence number.");
  return Frame::build<schema::Answer>([&](schema::Answer::Builder out) { unknown.write(out.initOutcome()); });
}

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
                                [context]() mutable { return context.getResults().initOutcome(); }, call)
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
    return find_route(id, scope->number()).then([this, context, timeout_ms, command = std::move(*command),
                                    scope = kj::mv(scope)](Result<SpaceRoute> route) mutable {
      if (!route.ok()) return refuse(context, *scope, route.status());
      return send(context, *route, std::move(command), timeout_ms, kj::mv(scope));
    });
  }

  kj::Promise<void> statistics(StatisticsContext context) override {
    CallScope scope(kj::addRef(*rights_), Operation::admin_statistics);
    scope.ended(scope.status().code());
    if (!scope.status().ok()) {
      write_error(scope.status(), context.getResults().initError());
      return kj::READY_NOW;
    }
    auto& services = rights_->connection().services;
    context.getResults().setJson(services.status ? services.status().c_str() : "{}");
    return kj::READY_NOW;
  }

  kj::Promise<void> finalize(FinalizeContext context) override {
    CallScope scope(kj::addRef(*rights_), Operation::admin_finalize);
    Result<std::uint32_t> level = scope.status();
    if (scope.status().ok()) level = rights_->connection().services.finalize();
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
    Status status = scope.status();
    if (status.ok()) status = rights_->connection().services.forget_volume(context.getParams().getOrdinal());
    if (!status.ok()) write_error(status, context.getResults().initError());
    scope.ended(status.code());
    return kj::READY_NOW;
  }

 private:
  kj::Promise<void> send(SubmitContext context, SpaceRoute route, CommandBytes command, std::uint32_t timeout_ms,
                         kj::Own<CallScope> scope) {
    CallScope& call = *scope;
    return submit_command(*rights_, route, std::move(command), timeout_ms,
                          [context]() mutable { return context.getResults().initOutcome(); }, call)
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

  /// Asks partition after partition until one knows the space's id: administration is rare, and a cache could be wrong.
  kj::Promise<Result<SpaceRoute>> find_route(SpaceId id, RequestNumber number, std::uint16_t partition = 0) {
    using Found = Result<SpaceRoute>;
    auto& connection = rights_->connection();
    std::uint32_t partitions = connection.services.engine->partitions();
    if (partition >= partitions)
      return Found(Status(Code::unknown_space, "There is no such space; it may have been dropped.", "space"));
    Frame request = Frame::build<schema::Request>(
        [&](schema::Request::Builder out) { out.initCountSpaces(1).set(0, id.value); });
    std::int64_t deadline_ns = deadline_of(*connection.services.clock, 0);
    return connection.loop.ask({partition}, std::move(request), deadline_ns, number)
        .then([this, id, number, partition, partitions](Frame frame) -> kj::Promise<Found> {
          if (!frame) return Found(Status(Code::unavailable, "A partition did not answer in time; nothing was changed."));
          auto answer = frame.read<schema::Answer>();
          if (answer.getError().getCode() != schema::ErrorCode::NONE) return Found(read_error(answer.getError()));
          auto space = answer.getListSpaces()[0];
          std::string_view name(space.getName().begin(), space.getName().size());
          if (name.empty()) return find_route(id, number, static_cast<std::uint16_t>(partition + 1));
          if (!rights_->grant().allows_space(name)) return Found(not_this_space("space"));
          return Found(SpaceRoute{id, static_cast<Placement>(space.getPlacement()), home_of_space(name, partitions)});
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
        if (!frame) frame = outcome_unknown();
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
