#include "client/live.h"

namespace engram::client {

namespace {

using MaybeSpace = Result<kj::Maybe<OpenSpace>>;

/// Nothing for an empty name.
kj::Promise<MaybeSpace> open_named_space(schema::Session::Client session, const std::string& name) {
  if (name.empty()) return MaybeSpace(kj::Maybe<OpenSpace>());
  return open_space(kj::mv(session), name).then([](Result<OpenSpace>&& space) -> MaybeSpace {
    if (!space.ok()) return space.status();
    return kj::Maybe<OpenSpace>(kj::mv(space.value()));
  });
}

/// Asks for all at once: one round trip.
kj::Promise<Greeted> introduce(std::string address, kj::Own<Connection> connection, schema::Session::Client session,
                               const std::string& space) {
  auto info = server_info(session);
  auto opened = open_named_space(session, space);
  return info.then([address = std::move(address), session, opened = kj::mv(opened), connection = kj::mv(connection)](
                       Result<ServerInfo>&& server) mutable -> kj::Promise<Greeted> {
    if (!server.ok()) return Greeted(server.status());
    return opened.then([address = std::move(address), session, connection = kj::mv(connection),
                        server = kj::mv(server.value())](MaybeSpace&& open) mutable -> Greeted {
      if (!open.ok()) return open.status();
      return std::make_unique<Live>(Live{std::move(address), kj::mv(connection), session, kj::mv(open.value()), nullptr,
                                         kj::mv(server), 0});
    });
  });
}

}  // namespace

kj::Promise<Greeted> greet(kj::AsyncIoProvider& provider, const std::string& server, const Options& options) {
  return Connection::connect(provider, server, options.tls)
      .then([server, token = options.token,
             space = options.space](Result<kj::Own<Connection>>&& connected) -> kj::Promise<Greeted> {
        if (!connected.ok()) return Greeted(connected.status());
        auto connection = kj::mv(connected.value());
        auto authenticated = connection->authenticate(token);
        return authenticated.then(
            [server, space, connection = kj::mv(connection)](Result<Access>&& access) mutable -> kj::Promise<Greeted> {
              if (!access.ok()) return Greeted(access.status());
              return introduce(server, kj::mv(connection), access->session, space);
            });
      });
}

}  // namespace engram::client
