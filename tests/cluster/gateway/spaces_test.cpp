// Many spaces, their quotas, and what becomes of one that is dropped.

#include <catch2/catch.hpp>

#include <fstream>
#include <iostream>

#include <malloc.h>
#include <unistd.h>

#include "tests/support/rpc_session.h"
#include "tests/support/wait.h"

using namespace engram;
using client::text;
using test::RpcSession;
using test::RunningEngine;

namespace {

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
constexpr int many = 10'000;  // the sanitizers make memory and time say nothing
#else
constexpr bool sanitized = false;
constexpr int many = 100'000;
#endif

std::int64_t milliseconds_of(const std::function<void()>& work) {
  auto started = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started).count();
}

std::string name_of(int number) {
  std::string digits = std::to_string(number);
  return "space-" + std::string(6 - digits.size(), '0') + digits;
}

void create_spaces(RpcSession& session, int first, int count) {
  auto admin = session.admin();
  for (int start = first; start < first + count; start += 500) {
    std::vector<kj::Promise<client::Outcome>> outcomes;
    for (int i = start; i < std::min(start + 500, first + count); ++i) {
      auto command = session.command([&](schema::Command::Builder to) {
        to.setSession(4711);
        to.setSequence(static_cast<std::uint64_t>(i) + 1);
        to.setFirstIncomplete(static_cast<std::uint64_t>(i) > 1000 ? static_cast<std::uint64_t>(i) - 1000 : 1);
        to.initCreateSpace().setName(text(name_of(i)));
        to.getCreateSpace().setPlacement(schema::Placement::TOGETHER);
      });
      outcomes.push_back(client::submit(admin, RpcSession::bytes(command), 60'000));
    }
    for (auto& outcome : outcomes) {
      auto created = outcome.wait(session.wait_scope());
      INFO(created.status.message());
      REQUIRE(created.committed());
    }
  }
}

std::vector<std::string> page(RpcSession& session, const std::string& after, std::uint32_t limit, bool& more) {
  auto call = session.session().listSpacesRequest();
  call.setAfter(text(after));
  call.setLimit(limit);
  auto answer = call.send().wait(session.wait_scope());
  more = answer.getMore();
  std::vector<std::string> names;
  for (auto space : answer.getSpaces()) names.push_back(client::to_string(space.getName()));
  return names;
}

client::Outcome drop(RpcSession& session, SpaceId space) {
  return session.administer([&](schema::Command::Builder command) {
    command.setSpace(space.value);
    command.setDropSpace();
  });
}

}  // namespace

TEST_CASE("a great many empty spaces cost little memory, and are there after a restart") {
  RunningEngine engine;
  std::uint64_t before = 0, after = 0;
  std::int64_t took_ms = 0, restart_ms = 0;
  {
    RpcSession session(engine);
    create_spaces(session, 0, 100);
    ::malloc_trim(0);
    before = resident_bytes();
    took_ms = milliseconds_of([&] { create_spaces(session, 100, many - 100); });
    ::malloc_trim(0);
    after = resident_bytes();
  }
  engine.stop();
  restart_ms = milliseconds_of([&] { REQUIRE(engine.start().ok()); });
  std::cout << many << " spaces: " << took_ms << " ms to create, " << ((after - before) >> 20) << " MiB, restart "
            << restart_ms << " ms\n";
  if (!sanitized) CHECK(after - before < std::uint64_t{100} << 20);

  RpcSession session(engine, {}, name_of(many / 2));
  CHECK(session.put("ada").committed());
  std::vector<std::string> all;
  bool more = true;
  int pages = 0;
  for (std::string last; more; last = all.back(), ++pages)
    for (std::string& name : page(session, last, 3000, more)) all.push_back(std::move(name));
  CHECK(pages == (many + 1 + 2999) / 3000);
  REQUIRE(all.size() == static_cast<std::size_t>(many) + 1);
  CHECK(all[0] == "default");
  for (int i = 0; i < many; ++i)
    if (all[static_cast<std::size_t>(i) + 1] != name_of(i)) FAIL(name_of(i) << " is missing");
}

TEST_CASE("the vertices of a dropped space go, and its name can be used again") {
  RunningEngine engine;
  RpcSession session(engine);
  auto created = session.administer([](schema::Command::Builder command) { command.initCreateSpace().setName("brief"); });
  REQUIRE(created.committed());
  RpcSession brief(engine, {}, "brief");
  for (int i = 0; i < 200; ++i)
    REQUIRE(brief.link("v" + std::to_string(i), "v" + std::to_string((i * 7) % 200)).committed());
  auto hot_vertices = [&] {
    auto answer = session.admin().statisticsRequest().send().wait(session.wait_scope());
    std::string json = client::to_string(answer.getJson());
    std::uint64_t sum = 0;
    for (std::size_t at = 0; (at = json.find("\"hot_vertices\":", at)) != std::string::npos; ++at)
      sum += std::stoull(json.substr(json.find(':', at) + 1));
    return sum;
  };
  CHECK(hot_vertices() >= 200);
  REQUIRE(drop(session, created.space).committed());
  CHECK(brief.put("too late").status.code() == Code::unknown_space);
  Status read = brief.refusal(brief.reader().getRequest(), [](auto request) { request.initVertices(1)[0].setKey("v1"); });
  CHECK(read.code() == Code::unknown_space);
  CHECK(drop(session, created.space).status.code() == Code::unknown_space);
  CHECK(test::comes_true([&] { return hot_vertices() == 0; }, 10));
  auto again = session.administer([](schema::Command::Builder command) { command.initCreateSpace().setName("brief"); });
  REQUIRE(again.committed());
  CHECK(again.space != created.space);
  RpcSession fresh(engine, {}, "brief");
  CHECK_FALSE(fresh.has("v1"));
}

TEST_CASE("a quota that is reached refuses what would go over it, whole") {
  RunningEngine engine;
  RpcSession session(engine);
  auto created = session.administer([](schema::Command::Builder command) {
    command.initCreateSpace().setName("small");
    command.getCreateSpace().setPlacement(schema::Placement::TOGETHER);
    command.getCreateSpace().initQuota().setVertices(3);
  });
  REQUIRE(created.committed());
  RpcSession small(engine, {}, "small");
  CHECK(small.put("a").committed());
  CHECK(small.put("b").committed());
  client::Outcome pair = small.link("c", "d");
  CHECK(pair.status.code() == Code::quota_exceeded);
  CHECK(pair.status.limit() == 3);
  CHECK_FALSE(small.has("c"));
  CHECK(small.put("c").committed());
  CHECK(small.put("d").status.code() == Code::quota_exceeded);
  CHECK(small.put("a").committed());  // it is there already
  REQUIRE(session
              .administer([&](schema::Command::Builder command) {
                command.setSpace(created.space.value);
                command.initSetQuota().setVertices(4);
              })
              .committed());
  CHECK(small.put("d").committed());
}

TEST_CASE("the default space stays, and a name is taken once") {
  RunningEngine engine;
  RpcSession session(engine);
  client::Outcome dropped = drop(session, {0});
  CHECK(dropped.status.code() == Code::invalid_argument);
  auto create = [&](const std::string& name) {
    return session.administer([&](schema::Command::Builder command) { command.initCreateSpace().setName(text(name)); });
  };
  CHECK(create("default").status.code() == Code::space_exists);
  CHECK(create("twice").committed());
  CHECK(create("twice").status.code() == Code::space_exists);
  CHECK(create("").status.code() == Code::invalid_argument);
  CHECK(create("tab\there").status.code() == Code::invalid_argument);
  CHECK(create("caf\xe9").status.code() == Code::invalid_argument);
  client::Outcome long_name = create(std::string(256, 'n'));
  CHECK(long_name.status.code() == Code::too_large);
  CHECK(long_name.status.field() == "createSpace.name");
  CHECK(long_name.status.limit() == 255);
  client::Outcome same_id = session.administer([](schema::Command::Builder command) {
    command.setSession(0);
    command.initCreateSpace().setName("anonymous");
  });
  CHECK(same_id.status.code() == Code::invalid_argument);
  CHECK(same_id.status.field() == "session");
  CHECK(session.put("still").committed());
}

TEST_CASE("an id of a partition that holds nothing of the space is an id that is not found, asked for alone or with others") {
  RunningEngine engine;
  REQUIRE(RpcSession(engine).administer([](schema::Command::Builder command) {
    command.initCreateSpace().setName("small");
    command.getCreateSpace().setPlacement(schema::Placement::TOGETHER);
  }).committed());
  RpcSession session(engine, {}, "small");
  REQUIRE(session.put("a").committed());
  auto found = [&](std::vector<std::uint64_t> ids) {
    auto call = session.reader().getRequest();
    auto refs = call.initRequest().initVertices(static_cast<unsigned>(ids.size()));
    for (unsigned i = 0; i < refs.size(); ++i) refs[i].setId(ids[i]);
    auto response = call.send().wait(session.wait_scope());
    auto reply = response.getReply();
    CHECK(client::to_string(reply.getError().getMessage()) == "");
    std::vector<bool> there;
    for (auto vertex : reply.getVertices()) there.push_back(vertex.getFound());
    return there;
  };
  for (std::uint16_t partition = 0; partition < 2; ++partition) {
    std::uint64_t nobody = VertexId::of({partition}, {1000}).value;
    CHECK(found({nobody}) == std::vector<bool>{false});
    CHECK(found({nobody, nobody}) == std::vector<bool>{false, false});
  }
}
