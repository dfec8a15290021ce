// The real binary and a graph: counts, conditions, quotas, and what an offline check sees of it.

#include <sys/mount.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "tests/support/skip.h"
#include "tests/tools/cli/cli_engine.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using Catch::Contains;
using nlohmann::json;

namespace {

/// A folder under a second name, where it cannot be written to.
class ReadOnlyView {
 public:
  ReadOnlyView(const std::string& folder, std::string view) : view_(std::move(view)) {
    ::mkdir(view_.c_str(), 0755);
    mounted_ = ::mount(folder.c_str(), view_.c_str(), nullptr, MS_BIND, nullptr) == 0;
    if (mounted_) REQUIRE(::mount(nullptr, view_.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0);
  }
  ~ReadOnlyView() {
    if (mounted_) ::umount2(view_.c_str(), MNT_DETACH);
  }
  ReadOnlyView(const ReadOnlyView&) = delete;
  ReadOnlyView& operator=(const ReadOnlyView&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }

 private:
  std::string view_;
  bool mounted_ = false;
};

}  // namespace

TEST_CASE("verify reads a volume that is mounted read-only, and sees an engine that runs on it") {
  CliEngine engine;
  REQUIRE(engine.run({"put", "a"}).exit_code == exit_ok);
  test::TemporaryDirectory directory;
  ReadOnlyView view(engine.data_dir(), directory / "view");
  if (!view.mounted()) return test::skip_case("there is no right to mount here");
  auto verify = [&] { return engine.run({"verify", "--data-dir", directory / "view"}); };
  auto running = verify();
  CHECK(running.exit_code == exit_local);
  CHECK_THAT(running.errors, Contains("is in use by process"));
  REQUIRE(engine.stop() == 0);
  auto stopped = verify();
  INFO(stopped.errors);
  CHECK(stopped.exit_code == exit_ok);
  CHECK_THAT(stopped.output, Contains("all is well"));
}

TEST_CASE("neighbors --count counts what the other options choose") {
  CliEngine engine;
  REQUIRE(engine.run({"shell"}, "put hub\nput a -l Person born=1815\nput b -l Person born=1791\nput c -l Town\n"
                                "link hub KNOWS a --weight 0.9 since=1833\nlink hub KNOWS b --weight 0.1 since=1850\n"
                                "link hub NEAR c\nlink a KNOWS hub\nlink c NEAR hub\n")
              .exit_code == exit_ok);
  auto counted = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"neighbors", "hub", "--count"});
    auto ran = engine.run(options);
    INFO(options.back() << ran.errors);
    CHECK(ran.exit_code == exit_ok);
    return ran.output;
  };
  CHECK(counted({}) == "out 3  in 2\n");
  CHECK(counted({"--type", "KNOWS"}) == "out 2  in 1\n");
  CHECK(counted({"--direction", "in"}) == "in 2\n");
  CHECK(counted({"--direction", "both"}) == "out 3  in 2\n");
  CHECK(counted({"--label", "Person"}) == "out 2  in 1\n");
  CHECK(counted({"--where", "born<1800"}) == "out 1  in 0\n");
  CHECK(counted({"--min-weight", "0.5"}) == "out 2  in 2\n");
  CHECK(counted({"--edge-where", "since>1840"}) == "out 1\n");
  CHECK(json::parse(counted({"--label", "Town", "--direction", "in", "--json"})) == json{{"key", "hub"}, {"in", 1}});
  CHECK(engine.run({"neighbors", "hub", "--count", "--direction", "in", "--edge-where", "since>1"}).exit_code == exit_usage);
  CHECK(engine.run({"neighbors", "hub", "--count", "--limit", "1"}).exit_code == exit_usage);
  CHECK(engine.run({"neighbors", "nobody", "--count", "--label", "Town"}).exit_code == exit_not_found);
}

TEST_CASE("expand takes conditions hop by hop") {
  CliEngine engine;
  REQUIRE(engine.run({"shell"}, "put ada -l Person\nput london -l Town\nput mary -l Person born=1780\n"
                                "put joan -l Person born=1820\nlink ada LIVES london\nlink mary LIVES london\n"
                                "link joan LIVES london\nlink ada KNOWS joan\n")
              .exit_code == exit_ok);
  auto expand = [&](std::vector<std::string> hops) {
    std::vector<std::string> words = {"expand", "ada", "--json"};
    for (const auto& hop : hops) words.insert(words.end(), {"--hop", hop});
    return engine.run(words);
  };
  auto reached = json::parse(expand({"type=LIVES", "type=LIVES direction=in 'where=born<1800'"}).output)["vertices"];
  REQUIRE(reached.size() == 2);
  CHECK(reached[0]["key"] == "london");
  CHECK(reached[1]["key"] == "mary");
  CHECK(json::parse(expand({""}).output)["vertices"].size() == 2);
  for (const char* bad : {"typ=LIVES", "LIVES", "where=born<<5", "min-weight=x", "direction=up", "'open"}) {
    INFO(bad);
    CHECK(expand({bad}).exit_code == exit_usage);
  }
  CHECK(engine.run({"expand", "ada", "--hop", "type=LIVES", "--where", "born<1800"}).exit_code == exit_usage);
}

TEST_CASE("several vertices are deleted together or not at all") {
  CliEngine engine;
  REQUIRE(engine.run({"shell"}, "put a\nput b\nput c\nput d\nlink a T b\nlink c T a\nlink d T b\nlink c T d\n").exit_code == exit_ok);
  CHECK(engine.run({"delete", "a", "nobody", "b"}).exit_code == exit_not_found);
  CHECK(engine.run({"get", "a", "b", "c", "d"}).exit_code == exit_ok);
  CHECK(engine.run({"delete", "a", "b"}).output == "5 deleted\n");  // and three edges
  CHECK(engine.run({"neighbors", "c", "--count", "--direction", "out"}).output == "out 1\n");
  CHECK(engine.run({"delete", "a", "b", "c", "d", "--if-exists"}).output == "3 deleted\n");
}

TEST_CASE("what the engine finds wrong with arguments is 2 as well") {
  CliEngine engine;
  REQUIRE(engine.run({"shell"}, "put a\nput b\n").exit_code == exit_ok);
  for (std::vector<std::string> arguments : {std::vector<std::string>{"recall", "a", "--top", "0"},
                                             {"recall", "a", "--decay", "2"},
                                             {"get", ""},
                                             {"delete", ""},
                                             {"link", "a", "T", "b", "--weight", "inf"},
                                             {"scan", "--where", "a>>5"},
                                             {"space", "create", ""}}) {
    auto ran = engine.run(arguments);
    INFO(arguments.front() << ' ' << arguments.back() << ": " << ran.errors);
    CHECK(ran.exit_code == exit_usage);
  }
}

TEST_CASE("a change can be made to depend on a property, of a vertex or an edge") {
  CliEngine engine;
  REQUIRE(engine.run({"shell"}, "put job state=open\nput other\nlink job NEXT other state=open\n").exit_code == exit_ok);
  auto ends = [&](std::vector<std::string> arguments) { return engine.run(arguments).exit_code; };
  CHECK(ends({"put", "job", "state=taken", "--if-property", "state=open", "--if-property", "owner=null"}) == exit_ok);
  CHECK(ends({"put", "job", "state=taken", "--if-property", "state=open"}) == exit_not_found);
  CHECK(ends({"link", "job", "NEXT", "other", "state=done", "--if-property", "state=open"}) == exit_ok);
  CHECK(ends({"link", "job", "NEXT", "other", "state=done", "--if-property", "state=open"}) == exit_not_found);
  CHECK(ends({"delete", "--edge", "job", "NEXT", "other", "--if-property", "state=open"}) == exit_not_found);
  CHECK(ends({"delete", "--edge", "job", "NEXT", "other", "--if-property", "state=done"}) == exit_ok);
  CHECK(ends({"delete", "job", "--if-property", "state=open"}) == exit_not_found);
  CHECK(ends({"delete", "job", "--if-version", "1"}) == exit_not_found);
  CHECK(ends({"delete", "job", "--if-property", "state=taken"}) == exit_ok);
}

TEST_CASE("a key in brackets is that key, and no list") {
  CliEngine engine;
  REQUIRE(engine.run({"shell"}, "put [a]\nput [a,b] x=[1,2]\nlink [a] T [a,b]\n").exit_code == exit_ok);
  CHECK(engine.run({"scan", "--keys"}).output.size() == std::string("[a]\n[a,b]\n").size());
  CHECK_THAT(engine.run({"get", "[a]", "[a,b]"}).output, Contains("[a]\n") && Contains("[a,b]\n  x  [1,2]"));
  CHECK(engine.run({"delete", "--edge", "[a]", "T", "[a,b]"}).exit_code == exit_ok);
}

TEST_CASE("a quota is shown, replaced, and removed only when told so") {
  CliEngine engine;
  REQUIRE(engine.run({"space", "create", "notes", "--together", "--max-vertices", "1", "--max-bytes", "1GiB"}).exit_code ==
          exit_ok);
  REQUIRE(engine.run({"put", "a", "--space", "notes"}).exit_code == exit_ok);
  auto shown = engine.run({"space", "quota", "notes"});
  CHECK_THAT(shown.output, Contains("vertices     1         1") && Contains("no limit") && Contains("1.0 GiB"));
  CHECK(json::parse(engine.run({"space", "quota", "notes", "--json"}).output)["quota"]["vertices"] == 1);
  CHECK(engine.run({"put", "b", "--space", "notes"}).exit_code == exit_refused);
  CHECK(engine.run({"space", "quota", "notes", "--none", "--max-edges", "1"}).exit_code == exit_usage);
  CHECK(engine.run({"space", "quota", "notes", "--none"}).output == "quota of space 'notes' removed\n");
  CHECK(engine.run({"put", "b", "--space", "notes"}).exit_code == exit_ok);
  CHECK(engine.run({"space", "quota", "nowhere"}).exit_code == exit_not_found);
  CHECK_THAT(engine.run({"space", "create", "--help"}).output, Contains("equal shares, one for each partition"));
}

TEST_CASE("a line of the shell with a NUL byte is refused whole") {
  CliEngine engine;
  auto ran = engine.run({"shell"}, std::string("put a\nput b x=1\0y=2\n", 19));
  CHECK(ran.exit_code == exit_usage);
  CHECK_THAT(ran.errors, Contains("NUL"));
  CHECK(engine.run({"get", "b"}).exit_code == exit_not_found);
  CHECK_THAT(engine.run({"shell", "--help"}).output, Contains("'use NAME' to work on another space"));
}

}  // namespace engram::cli
