// Commands that must not be: each gets a typed error that names the field and the limit, and changes nothing.

#include <catch2/catch.hpp>

#include <limits>

#include "tests/support/rpc_session.h"

using namespace engram;
using client::text;
using test::RpcSession;
using test::RunningEngine;

namespace {

struct Setup {
  RunningEngine engine;
  RpcSession session{engine};

  /// `fill` fills one operation; a good one stands before it, of which nothing may stay.
  template <typename Fill>
  void require_refused(Code code, const std::string& field, std::uint64_t limit, const Fill& fill) {
    client::Outcome outcome = session.submit([&](schema::Command::Builder command) {
      auto operations = command.initBatch().initOperations(2);
      operations[0].initPutVertex().setKey("innocent");
      fill(operations[1]);
    });
    INFO(outcome.status.message());
    CHECK(outcome.status.code() == code);
    CHECK(outcome.status.field() == field);
    CHECK(outcome.status.limit() == limit);
    CHECK_FALSE(outcome.status.message().empty());
    CHECK_FALSE(session.has("innocent"));
  }
  template <typename Fill>
  void require_command_refused(Code code, const std::string& field, const Fill& fill) {
    client::Outcome outcome = session.submit(fill);
    INFO(outcome.status.message());
    CHECK(outcome.status.code() == code);
    CHECK(outcome.status.field() == field);
  }
  ~Setup() { CHECK(session.put("still works").committed()); }
};

const std::string not_utf8 = "caf\xe9";

}  // namespace

TEST_CASE("keys are 1 to 1024 bytes of UTF-8") {
  Setup setup;
  auto put = [](const std::string& key) {
    return [key](schema::Operation::Builder to) { to.initPutVertex().setKey(text(key)); };
  };
  setup.require_refused(Code::invalid_argument, "operations[1].putVertex.key", 0, put(""));
  setup.require_refused(Code::too_large, "operations[1].putVertex.key", 1024, put(std::string(1025, 'k')));
  setup.require_refused(Code::invalid_argument, "operations[1].putVertex.key", 0, put(not_utf8));
  setup.require_refused(Code::too_large, "operations[1].deleteVertex.key", 1024, [](schema::Operation::Builder to) {
    to.initDeleteVertex().setKey(text(std::string(1025, 'k')));
  });
  CHECK(setup.session.put(std::string(1024, 'k')).committed());
}

TEST_CASE("names of labels, types and properties are 1 to 256 bytes of UTF-8") {
  Setup setup;
  setup.require_refused(Code::too_large, "operations[1].putVertex.labels[0]", 256, [](schema::Operation::Builder to) {
    to.initPutVertex().setKey("a");
    to.getPutVertex().initLabels(1).set(0, text(std::string(257, 'l')));
  });
  setup.require_refused(Code::invalid_argument, "operations[1].putVertex.properties[0].name", 0,
                        [](schema::Operation::Builder to) {
                          to.initPutVertex().setKey("a");
                          to.getPutVertex().initProperties(1)[0].setName(text(not_utf8));
                        });
  setup.require_refused(Code::invalid_argument, "operations[1].putEdge.edge.type", 0, [](schema::Operation::Builder to) {
    auto edge = to.initPutEdge().initEdge();
    edge.setSource("a");
    edge.setTarget("b");
  });
}

TEST_CASE("weights are finite, and properties are never NaN nor malformed") {
  Setup setup;
  using Limits = std::numeric_limits<double>;
  for (double weight : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    CAPTURE(weight);
    setup.require_refused(Code::invalid_argument, "operations[1].putEdge.weight", 0, [&](schema::Operation::Builder to) {
      auto put = to.initPutEdge();
      put.getEdge().setSource("a");
      put.getEdge().setType("knows");
      put.getEdge().setTarget("b");
      put.setWeight(weight);
    });
  }
  auto property = [](auto fill) {
    return [fill](schema::Operation::Builder to) {
      to.initPutVertex().setKey("a");
      auto entry = to.getPutVertex().initProperties(1)[0];
      entry.setName("p");
      fill(entry.initValue());
    };
  };
  const char* field = "operations[1].putVertex.properties[0].value";
  setup.require_refused(Code::invalid_argument, field, 0,
                        property([](auto value) { value.setFloat64(Limits::quiet_NaN()); }));
  setup.require_refused(Code::invalid_argument, field, 0,
                        property([](auto value) { value.initVector(1).set(0, std::nanf("")); }));
  setup.require_refused(Code::invalid_argument, field, 0, property([](auto value) { value.setText(text(not_utf8)); }));
  setup.require_refused(Code::too_large, field, 1 << 20, property([](auto value) { value.initBytes((1 << 20) + 1); }));
  setup.require_refused(Code::too_large, field, 8, property([](schema::Value::Builder value) {
    for (int depth = 0; depth < 9; ++depth) value = value.initList(1)[0];
    value.setInt64(1);
  }));
}

TEST_CASE("a batch has 1 to 10,000 operations and a command at most 4 MiB") {
  Setup setup;
  setup.require_command_refused(Code::invalid_argument, "operations",
                                [](schema::Command::Builder command) { command.initBatch(); });
  auto put_many = [&](unsigned count) {
    return setup.session.submit([&](schema::Command::Builder command) {
      auto operations = command.initBatch().initOperations(count);
      for (unsigned i = 0; i < count; ++i) operations[i].initPutVertex().setKey("many-" + std::to_string(i));
    });
  };
  client::Outcome too_many = put_many(10'001);
  CHECK(too_many.status.code() == Code::too_large);
  CHECK(too_many.status.field() == "operations");
  CHECK(too_many.status.limit() == 10'000);
  CHECK_FALSE(setup.session.has("many-0"));
  CHECK(put_many(10'000).created == 10'000);

  client::Outcome too_long = setup.session.submit([](schema::Command::Builder command) {
    auto operations = command.initBatch().initOperations(5);
    for (unsigned i = 0; i < 5; ++i) {
      operations[i].initPutVertex().setKey("long");
      auto property = operations[i].getPutVertex().initProperties(1)[0];
      property.setName("p");
      property.initValue().initBytes(900'000);
    }
  });
  CHECK(too_long.status.code() == Code::too_large);
  CHECK(too_long.status.field() == "command");
  CHECK(too_long.status.limit() == 4u << 20);
  CHECK_FALSE(setup.session.has("long"));
}

TEST_CASE("the bytes of a command are one segment of well-formed Cap'n Proto") {
  Setup setup;
  CommandBytes good = setup.session.command([](schema::Command::Builder command) {
    command.initBatch().initOperations(1)[0].initPutVertex().setKey("good");
  });
  auto bytes = RpcSession::bytes(good);
  auto refused = [&](kj::ArrayPtr<const kj::byte> sent) {
    client::Outcome outcome = setup.session.submit_bytes(sent);
    INFO(sent.size() << " bytes: " << outcome.status.message());
    CHECK(outcome.status.code() == Code::invalid_argument);
  };
  for (std::size_t size = 0; size < bytes.size(); ++size) refused(bytes.slice(0, size));
  auto changed = [&](std::size_t at, kj::byte to) {
    auto copy = kj::heapArray(bytes);
    copy[at] = to;
    return copy;
  };
  refused(changed(0, 1));      // two segments
  refused(changed(4, 0xff));   // of another length
  refused(changed(8, 0xfc));   // a root outside
  refused(changed(8, 0x02));   // a far pointer
  CHECK_FALSE(setup.session.has("good"));
}

TEST_CASE("a list of a billion empty things is refused for its count, without walking it") {
  Setup setup;
  CommandBytes command = setup.session.command([](schema::Command::Builder to) { to.initBatch().initOperations(1); });
  auto bytes = kj::heapArray(RpcSession::bytes(command));
  // The operations' list pointer is the last pointer of the batch: made to claim 2^29-1 elements of no size.
  bool found = false;
  for (std::size_t at = 8; at + 8 <= bytes.size() && !found; at += 8) {
    found = (bytes[at] & 3) == 1;
    if (!found) continue;
    std::uint32_t void_list[2] = {1, 0xFFFFFFF8};
    std::memcpy(bytes.begin() + at, void_list, sizeof void_list);
  }
  REQUIRE(found);
  client::Outcome outcome = setup.session.submit_bytes(bytes);
  CHECK_FALSE(outcome.status.ok());
  CHECK((outcome.status.code() == Code::too_large || outcome.status.code() == Code::invalid_argument));
}

TEST_CASE("garbage where nobody looks is refused before it is logged, so that no replay can stumble over it") {
  Setup setup;
  CommandBytes command = setup.session.command([](schema::Command::Builder to) {
    to.setSession(1);
    to.initCreateSpace().setName("poison");
    to.getCreateSpace().initQuota().setVertices(3);
  });
  auto bytes = kj::heapArray(RpcSession::bytes(command));
  // createSpace's second pointer is its quota: the words are table, root, 5 of data, 1 pointer, 1 of data, name, quota.
  std::size_t quota = (1 + 1 + 5 + 1 + 1 + 1) * 8;
  REQUIRE((bytes[quota] & 3) == 0);
  std::uint32_t outside[2] = {0x7FFFFFF0, 0x00000003};
  std::memcpy(bytes.begin() + quota, outside, sizeof outside);
  client::Outcome outcome = client::submit(setup.session.admin(), bytes, 5000).wait(setup.session.wait_scope());
  CHECK(outcome.status.code() == Code::invalid_argument);
  CHECK(outcome.status.field() == "command");
}

TEST_CASE("what this engine does not know, and what only partitions may say, is refused") {
  Setup setup;
  auto& session = setup.session;
  setup.require_refused(Code::unsupported, "operations[1].putVertex.mode", 0, [](schema::Operation::Builder to) {
    to.initPutVertex().setKey("a");
    to.getPutVertex().setMode(static_cast<schema::PutMode>(77));
  });
  auto internal = [&](auto fill) {
    setup.require_command_refused(Code::unsupported, "command", fill);
    client::Outcome as_admin = session.administer(fill);
    CHECK(as_admin.status.code() == Code::unsupported);
  };
  internal([](schema::Command::Builder command) { command.initPrepare(); });
  internal([](schema::Command::Builder command) { command.initCommit(); });
  internal([](schema::Command::Builder command) { command.initDecide().setCommitted(true); });
  internal([](schema::Command::Builder command) { command.initAbort(); });
  internal([](schema::Command::Builder command) { command.initForget(1); });
  internal([](schema::Command::Builder command) { command.initPurge().setVertices(1000); });

  CommandBytes bytes = session.command([](schema::Command::Builder command) { command.initBatch().initOperations(1); });
  auto unknown = kj::heapArray(RpcSession::bytes(bytes));
  // The union's tag is the first data behind the four numbers.
  std::size_t tag = 8 + 8 + 4 * 8;
  unknown[tag] = 99;
  CHECK(session.submit_bytes(unknown).status.code() == Code::unsupported);
  setup.require_command_refused(Code::permission_denied, "command",
                                [](schema::Command::Builder command) { command.setDropSpace(); });
  client::Outcome placement = session.administer([](schema::Command::Builder command) {
    command.initCreateSpace().setName("odd");
    command.getCreateSpace().setPlacement(static_cast<schema::Placement>(9));
  });
  CHECK(placement.status.code() == Code::unsupported);
  CHECK(placement.status.field() == "createSpace.placement");
}

TEST_CASE("what has to exist, and what must not, is said by name") {
  Setup setup;
  auto& session = setup.session;
  REQUIRE(session.put("ada").committed());
  auto with_mode = [&](schema::PutMode mode, const std::string& key) {
    return session.operation([&](schema::Operation::Builder to) {
      to.initPutVertex().setKey(text(key));
      to.getPutVertex().setMode(mode);
    });
  };
  CHECK(with_mode(schema::PutMode::CREATE, "ada").status.code() == Code::vertex_exists);
  CHECK(with_mode(schema::PutMode::UPDATE, "nobody").status.code() == Code::unknown_vertex);
  client::Outcome edge = session.operation([](schema::Operation::Builder to) {
    auto key = to.initPutEdge().initEdge();
    key.setSource("ada");
    key.setType("knows");
    key.setTarget("nobody");
  });
  CHECK(edge.status.code() == Code::unknown_vertex);
  CHECK(edge.status.field().find("target") != std::string::npos);
  CHECK_FALSE(session.has("nobody"));
  client::Outcome unlink = session.operation([](schema::Operation::Builder to) {
    auto key = to.initDeleteEdge();
    key.setSource("ada");
    key.setType("knows");
    key.setTarget("ada");
  });
  CHECK(unlink.status.code() == Code::unknown_edge);
}

TEST_CASE("a writer changes its own space only") {
  Setup setup;
  auto created = setup.session.administer(
      [](schema::Command::Builder command) { command.initCreateSpace().setName("other"); });
  REQUIRE(created.committed());
  for (std::uint64_t space : {created.space.value, std::uint64_t{4711}}) {
    client::Outcome outcome = setup.session.submit([&](schema::Command::Builder command) {
      command.setSpace(space);
      command.initBatch().initOperations(1)[0].initPutVertex().setKey("stray");
    });
    CHECK(outcome.status.code() == Code::permission_denied);
    CHECK(outcome.status.field() == "space");
  }
  CHECK_FALSE(setup.session.has("stray"));
  RpcSession other(setup.engine, {}, "other");
  CHECK_FALSE(other.has("stray"));
}
