// Tokens, roles and spaces: a session holds what its token allows, for as long as the token is good.

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "client/engram/client.h"
#include "tests/support/rpc_session.h"
#include "tests/support/seeded_random.h"
#include "tests/support/text_file.h"
#include "tests/support/wait.h"

using namespace engram;
using client::text;
using test::RpcSession;
using test::RunningEngine;

namespace {

/// Tokens by name. Their file stands before the engine starts.
struct Tokens {
  test::TemporaryDirectory directory;
  test::SeededRandom random{7};
  std::string path = directory / "tokens.toml";
  std::map<std::string, TokenEntry> entries;
  std::map<std::string, std::string> secrets;

  Tokens() {
    add({.name = "reader"});
    add({.name = "writer", .role = Role::write});
    add({.name = "admin", .role = Role::admin});
    write();
  }
  void add(TokenEntry entry) {
    NewToken made = make_token(random);
    entry.digest = made.digest;
    secrets[entry.name] = made.token;
    entries[entry.name] = std::move(entry);
  }
  void write() {
    std::string all;
    for (const auto& [name, entry] : entries) all += token_entry_toml(entry) + "\n";
    // Replaced as a whole, so that its inode tells that it is another one.
    test::write_text(path + ".new", all);
    ::chmod((path + ".new").c_str(), 0600);
    std::filesystem::rename(path + ".new", path);
  }
};

struct Setup {
  Tokens tokens;
  RunningEngine engine{{{"security.tokens", tokens.path}}};

  RpcSession session(const std::string& name, const std::string& space = "default") {
    return RpcSession(engine, tokens.secrets.at(name), space);
  }
  client::Outcome create_space(const std::string& who, const std::string& name) {
    return session(who).administer([&](schema::Command::Builder command) { command.initCreateSpace().setName(text(name)); });
  }
  Status authenticate(const std::string& token) {
    auto loop = client::loop_of_this_thread();
    auto connection = client::Connection::connect(*loop->provider, engine.address()).wait(loop->waitScope);
    REQUIRE(connection.ok());
    return (*connection)->authenticate(token).wait(loop->waitScope).status();
  }
  Status open(RpcSession& session, const std::string& space) {
    return client::open_space(session.session(), space).wait(session.wait_scope()).status();
  }
};

std::vector<std::string> names_of(RpcSession& session, std::uint32_t limit = 1000, const std::string& after = "") {
  auto call = session.session().listSpacesRequest();
  call.setLimit(limit);
  call.setAfter(text(after));
  std::vector<std::string> names;
  auto answer = call.send().wait(session.wait_scope());
  for (auto space : answer.getSpaces()) names.push_back(client::to_string(space.getName()));
  return names;
}

}  // namespace

TEST_CASE("without a good token there is no session") {
  Setup setup;
  CHECK(setup.authenticate("").code() == Code::unauthenticated);
  CHECK(setup.authenticate("engram_wrong").code() == Code::unauthenticated);
  CHECK(setup.authenticate(std::string(10'000, 'x')).code() == Code::unauthenticated);
  CHECK(setup.authenticate(setup.tokens.secrets["reader"]).ok());
}

TEST_CASE("wrong tokens are limited by address, and a session that lives goes on") {
  Setup setup;
  RpcSession living = setup.session("writer");
  Status status;
  int attempts = 0;
  for (; attempts < 30 && status.code() != Code::overloaded; ++attempts) status = setup.authenticate("engram_wrong");
  CHECK(attempts == 11);
  CHECK(status.message().find("ms") != std::string::npos);
  CHECK(living.put("still").committed());
}

TEST_CASE("the role read has no writer, and neither it nor write has an admin") {
  Setup setup;
  RpcSession reader = setup.session("reader");
  auto open = reader.session().openSpaceRequest();
  open.setName("default");
  auto opened = open.send().wait(reader.wait_scope());
  CHECK_FALSE(opened.hasWriter());
  // Calling it all the same gets an exception from the RPC layer, and changes nothing.
  auto submit = opened.getWriter().submitRequest();
  CHECK(kj::runCatchingExceptions([&] { submit.send().wait(reader.wait_scope()); }) != nullptr);
  for (const char* name : {"reader", "writer"}) {
    RpcSession session = setup.session(name);
    Status status = client::open_admin(session.session()).wait(session.wait_scope()).status();
    CHECK(status.code() == Code::permission_denied);
  }
  CHECK(setup.session("writer").put("ada").committed());
  CHECK(reader.has("ada"));
}

TEST_CASE("a token that is taken away ends its sessions with their next call") {
  Setup setup;
  RpcSession writer = setup.session("writer");
  RpcSession reader = setup.session("reader");
  REQUIRE(writer.put("before").committed());
  setup.tokens.entries.erase("writer");
  setup.tokens.write();
  setup.engine.node().reload();
  CHECK(writer.put("after").status.code() == Code::unauthenticated);
  CHECK(setup.authenticate(setup.tokens.secrets["writer"]).code() == Code::unauthenticated);
  CHECK(reader.has("before"));
  CHECK_FALSE(reader.has("after"));
}

TEST_CASE("the calls about the engine itself end with their token too, and are counted") {
  Setup setup;
  auto count = [&](Operation operation, Code code) {
    return setup.engine.node().gateway_services().metrics->requests.count(operation, code);
  };
  auto connected = client::Client::connect({.server = setup.engine.address(), .token = setup.tokens.secrets["admin"]});
  REQUIRE(connected.ok());
  RpcSession session = setup.session("admin");
  auto info = [&] { return client::server_info(session.session()).wait(session.wait_scope()).status(); };
  CHECK(info().ok());
  CHECK(connected->engine_statistics().ok());
  CHECK(connected->ping().ok());
  CHECK(count(Operation::info, Code::none) == 2);  // the client's own at its connect
  CHECK(count(Operation::admin_statistics, Code::none) == 1);
  CHECK(count(Operation::ping, Code::none) == 1);

  setup.tokens.entries.erase("admin");
  setup.tokens.write();
  setup.engine.node().reload();
  CHECK(info().code() == Code::unauthenticated);
  CHECK(connected->engine_statistics().status().code() == Code::unauthenticated);
  CHECK(count(Operation::info, Code::unauthenticated) == 1);
  CHECK(count(Operation::admin_statistics, Code::unauthenticated) == 1);
  CHECK(setup.engine.calls_in_flight() == 0);
}

TEST_CASE("a token that expires ends its sessions with their next call") {
  Setup setup;
  TokenEntry entry{.name = "brief", .role = Role::write};
  entry.expires_ns = (SystemClock().wall_ns() / 1'000'000'000 + 5) * 1'000'000'000;  // enough for a call before
  setup.tokens.add(entry);
  setup.tokens.write();
  setup.engine.node().reload();
  RpcSession brief = setup.session("brief");
  CHECK(brief.put("early").committed());
  REQUIRE(test::comes_true([&] { return SystemClock().wall_ns() > entry.expires_ns; }));
  CHECK(brief.put("late").status.code() == Code::unauthenticated);
  Status read = brief.refusal(brief.reader().getRequest(),
                              [](auto request) { request.initVertices(1)[0].setKey("early"); });
  CHECK(read.code() == Code::unauthenticated);
}

TEST_CASE("a token limited to spaces sees and opens those only") {
  Setup setup;
  for (const char* name : {"news", "sports", "aaa", "zzz"}) REQUIRE(setup.create_space("admin", name).committed());
  setup.tokens.add({.name = "desk", .role = Role::write, .spaces = {"news", "sports", "planned"}});
  setup.tokens.write();
  setup.engine.node().reload();
  RpcSession desk = setup.session("desk", "news");
  CHECK(desk.put("headline").committed());
  CHECK(setup.open(desk, "zzz").code() == Code::permission_denied);
  CHECK(setup.open(desk, "default").code() == Code::permission_denied);
  CHECK(setup.open(desk, "planned").code() == Code::unknown_space);
  CHECK(names_of(desk) == std::vector<std::string>{"news", "sports"});
  CHECK(names_of(desk, 1) == std::vector<std::string>{"news"});
  CHECK(names_of(desk, 1, "news") == std::vector<std::string>{"sports"});
  RpcSession admin = setup.session("admin");
  CHECK(names_of(admin).size() == 5);
}

TEST_CASE("an admin limited to spaces administers those only") {
  Setup setup;
  auto news = setup.create_space("admin", "news");
  auto zzz = setup.create_space("admin", "zzz");
  setup.tokens.add({.name = "chief", .role = Role::admin, .spaces = {"news", "planned"}});
  setup.tokens.write();
  setup.engine.node().reload();
  RpcSession chief = setup.session("chief", "news");
  auto drop = [&](SpaceId space) {
    return chief.administer([&](schema::Command::Builder command) {
      command.setSpace(space.value);
      command.setDropSpace();
    });
  };
  CHECK(drop(zzz.space).status.code() == Code::permission_denied);
  CHECK(chief.administer([](schema::Command::Builder c) { c.initCreateSpace().setName("mine"); }).status.code() ==
        Code::permission_denied);
  CHECK(chief.administer([](schema::Command::Builder c) { c.initCreateSpace().setName("planned"); }).committed());
  CHECK(drop(news.space).committed());
  RpcSession admin = setup.session("admin");
  CHECK(names_of(admin) == std::vector<std::string>{"default", "planned", "zzz"});
}

TEST_CASE("an admin limited to spaces is kept from what concerns all of them") {
  Setup setup;
  REQUIRE(setup.create_space("admin", "news").committed());
  setup.tokens.add({.name = "chief", .role = Role::admin, .spaces = {"news"}});
  setup.tokens.write();
  setup.engine.node().reload();
  auto connect = [&](const std::string& who) {
    auto client =
        client::Client::connect({.server = setup.engine.address(), .token = setup.tokens.secrets.at(who), .space = "news"});
    REQUIRE(client.ok());
    return std::move(client).value();
  };
  client::Client chief = connect("chief"), admin = connect("admin");
  for (const Status& refused : {chief.engine_statistics().status(), chief.finalize().status(), chief.forget_volume(1)}) {
    CHECK(refused.code() == Code::permission_denied);
    CHECK_THAT(refused.message(), Catch::Contains("role admin and no list of spaces"));
  }
  CHECK(chief.declare_index({"Person", "age"}).committed());
  CHECK(admin.engine_statistics().ok());
  CHECK(admin.finalize().ok());
  CHECK(admin.forget_volume(1).code() == Code::invalid_argument);  // it gets as far as that there is one node
}

TEST_CASE("an engine that others could reach does not start without TLS and tokens") {
  auto start_on = [](const std::string& address) {
    try {
      RunningEngine engine(FlagValues{{"listen.address", address}});
      return std::string("started");
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
  };
  for (const char* address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:0"}) {
    INFO(address);
    std::string refusal = start_on(address);
    CHECK(refusal.find("security.tokens") != std::string::npos);
    CHECK(refusal.find("tls.certificate") != std::string::npos);
  }
  CHECK(start_on("127.0.0.1:0") == "started");
}
