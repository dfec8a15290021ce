#pragma once
// A client that says exactly what a test wants: requests and commands are filled by hand, nothing is checked or retried
// before the engine sees it. For ordinary work tests use client/engram/client.h.

#include <atomic>
#include <stdexcept>
#include <string>

#include "actors/messages/frame.h"
#include "client/client_impl.h"
#include "client/convert.h"
#include "client/engram/connection.h"
#include "tests/support/running_engine.h"

namespace engram::test {

/// One connection, authenticated, with one space open. For one thread.
class RpcSession {
 public:
  explicit RpcSession(const RunningEngine& engine, const std::string& token = {}, const std::string& space = "default")
      : RpcSession(engine.address(), token, space) {}
  RpcSession(const std::string& address, const std::string& token, const std::string& space)
      : loop_(client::loop_of_this_thread()) {
    connection_ = take(client::Connection::connect(*loop_->provider, address).wait(wait_scope()));
    access_ = take(connection_->authenticate(token).wait(wait_scope()));
    space_ = take(client::open_space(access_->session, space).wait(wait_scope()));
  }

  kj::WaitScope& wait_scope() { return loop_->waitScope; }
  kj::Timer& timer() { return loop_->provider->getTimer(); }
  schema::Session::Client& session() { return access_->session; }
  schema::Reader::Client& reader() { return space_->reader; }
  schema::Writer::Client& writer() { return KJ_ASSERT_NONNULL(space_->writer); }
  SpaceId space() const { return space_->info.id; }
  schema::Admin::Client admin() { return take(client::open_admin(access_->session).wait(wait_scope())); }

  /// Any command, as it is filled; its space is this session's unless `fill` sets another.
  template <typename Fill>
  CommandBytes command(const Fill& fill) {
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::Command>();
    root.setSpace(space().value);
    fill(root);
    return CommandBytes::of(message);
  }
  static kj::ArrayPtr<const kj::byte> bytes(const CommandBytes& command) { return command.words().asBytes(); }

  /// To the writer, as bytes.
  client::Outcome submit_bytes(kj::ArrayPtr<const kj::byte> bytes) {
    return client::submit(writer(), bytes, 60'000).wait(wait_scope());
  }
  template <typename Fill>
  client::Outcome submit(const Fill& fill) {
    return submit_bytes(bytes(command(fill)));
  }
  /// A batch of one operation.
  template <typename Fill>
  client::Outcome operation(const Fill& fill) {
    return submit([&](schema::Command::Builder command) { fill(command.initBatch().initOperations(1)[0]); });
  }
  client::Outcome put(const std::string& key) {
    return operation([&](schema::Operation::Builder operation) { operation.initPutVertex().setKey(client::text(key)); });
  }
  client::Outcome link(const std::string& source, const std::string& target) {
    return operation([&](schema::Operation::Builder operation) {
      auto put = operation.initPutEdge();
      put.setCreateMissing(true);
      put.getEdge().setSource(client::text(source));
      put.getEdge().setType("knows");
      put.getEdge().setTarget(client::text(target));
    });
  }
  template <typename Fill>
  client::Outcome administer(const Fill& fill) {
    auto bytes_of = command([&](schema::Command::Builder root) {
      root.setSession(number_);
      root.setSequence(++administered_);
      fill(root);
    });
    return client::submit(admin(), bytes(bytes_of), 60'000).wait(wait_scope());
  }

  /// The error of a read: `refusal(session.reader().getRequest(), [](auto request) { ... })`.
  template <typename Call, typename Fill>
  Status refusal(Call&& call, const Fill& fill) {
    fill(call.initRequest());
    auto response = call.send().wait(wait_scope());
    return client::read(response.getReply().getError());
  }
  bool has(const std::string& key) {
    auto call = reader().getRequest();
    call.initRequest().initVertices(1)[0].setKey(client::text(key));
    return call.send().wait(wait_scope()).getReply().getVertices()[0].getFound();
  }

 private:
  template <typename T>
  static T take(Result<T> result) {
    if (!result.ok()) throw std::runtime_error(result.status().message());
    return std::move(result).value();
  }

  static std::uint64_t next_number() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
  }

  const std::uint64_t number_ = next_number();  // of its session in the session table
  std::uint64_t administered_ = 0;
  std::shared_ptr<kj::AsyncIoContext> loop_;
  kj::Own<client::Connection> connection_;
  std::optional<client::Access> access_;
  std::optional<client::OpenSpace> space_;
};

}  // namespace engram::test
