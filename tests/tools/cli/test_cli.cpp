// The real binary against a real engine: what a person types, what they see, and how it ends.

#include <catch2/catch.hpp>

#include <chrono>
#include <fstream>
#include <thread>

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "tests/tools/cli/cli_engine.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using Catch::Contains;
using Catch::EndsWith;
using Catch::StartsWith;
using nlohmann::json;

namespace {

json parsed(const Ran& ran) {
  INFO(ran.output << ran.errors);
  CHECK(ran.exit_code == exit_ok);
  auto document = json::parse(ran.output, nullptr, false);
  REQUIRE_FALSE(document.is_discarded());
  return document;
}

void load_people(const CliEngine& engine) {
  auto ran = engine.run({"shell"}, "put ada -l Person born=1815 'name=Ada Lovelace'\n"
                                   "put charles -l Person born=1791\n"
                                   "link ada KNOWS charles --weight 0.9 since=1833\n"
                                   "# a comment, and an empty line\n\n"
                                   "link charles BUILT engine --create-missing --weight 0.5\n");
  INFO(ran.errors);
  REQUIRE(ran.exit_code == exit_ok);
}

}  // namespace

TEST_CASE("a first session") {
  CliEngine engine;
  load_people(engine);

  auto ada = parsed(engine.run({"get", "ada", "--json"}));
  CHECK(ada["properties"]["born"] == 1815);
  CHECK(ada["labels"] == json{"Person"});
  CHECK_THAT(engine.run({"get", "ada"}).output, Contains("ada  Person\n") && Contains("  name  Ada Lovelace\n"));
  CHECK_THAT(engine.run({"neighbors", "ada"}).output, Contains("-> KNOWS  charles      0.9        since=1833"));
  CHECK(parsed(engine.run({"neighbors", "charles", "--direction", "in", "--json"}))["source"] == "ada");
  CHECK(engine.run({"neighbors", "charles", "--count"}).output == "out 1  in 1\n");

  auto reached = parsed(engine.run({"expand", "ada", "--hops", "2", "--json"}));
  REQUIRE(reached["vertices"].size() == 2);
  CHECK(reached["vertices"][1]["key"] == "engine");
  CHECK(reached["vertices"][1]["depth"] == 2);
  auto path = parsed(engine.run({"path", "ada", "engine", "--by", "weight", "--json"}));
  CHECK(path["cost"] == 1.4);
  CHECK(path["vertices"].size() == 3);
  auto recall = parsed(engine.run({"recall", "ada", "--json"}));
  CHECK(recall["hits"][0]["vertex"]["key"] == "charles");
  CHECK(recall["hits"][0]["activation"] == 0.45);
  CHECK(recall["hits"][1]["path"] == json({"ada", "charles", "engine"}));

  CHECK(engine.run({"scan", "--label", "Person", "--where", "born<1800", "--keys"}).output == "charles\n");
  auto stats = parsed(engine.run({"stats", "--json"}));
  CHECK(stats["space"]["vertices"] == 3);
  CHECK(stats["types"]["KNOWS"] == 1);
  REQUIRE(engine.run({"space", "index", "born"}).exit_code == 0);
  std::string index;
  for (int tries = 0; tries < 100 && index.find("born\n") == std::string::npos; ++tries) {  // without a word behind it: ready
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    index = engine.run({"stats"}).output;
  }
  CHECK_THAT(index, Contains("born\n") && !Contains("being built"));
  CHECK(parsed(engine.run({"stats", "--json"}))["indexes"] ==
        json::array({{{"label", ""}, {"property", "born"}, {"ready", true}}}));
  CHECK(parsed(engine.run({"status", "--json"})).is_object());
  CHECK_THAT(engine.run({"cluster", "status"}).output, !Contains(" of 2"));  // a single engine has nobody to wait for

  CHECK(engine.run({"delete", "ada"}).output == "2 deleted\n");
  CHECK(engine.run({"neighbors", "charles", "--count"}).output == "out 1  in 0\n");
  CHECK(engine.stop() == 0);
}

TEST_CASE("every way to end has its code, and says what to do") {
  CliEngine engine;
  load_people(engine);
  auto ends = [&](std::vector<std::string> arguments, int code, const std::string& says) {
    auto ran = engine.run(arguments);
    INFO((arguments.empty() ? "" : arguments.front() + " " + arguments.back()) << ": " << ran.output << ran.errors);
    CHECK(ran.exit_code == code);
    CHECK_THAT(ran.errors, Contains(says));
  };
  ends({"get", "nobody"}, exit_not_found, "there is no vertex 'nobody'");
  ends({"put", "ada", "--create"}, exit_not_found, "already");
  ends({"put", "ada", "x=1", "--if-version", "12345"}, exit_not_found, "precondition");
  ends({"path", "engine", "ada"}, exit_not_found, "no path");
  ends({"link", "ada", "KNOWS", "nobody"}, exit_not_found, "target");
  ends({"get", "ada", "--space", "nowhere"}, exit_not_found, "space");
  ends({"put", "ada", "x:int=y"}, exit_usage, "whole number");
  ends({"neighbors", "ada", "--direction", "up"}, exit_usage, "out, in or both");
  ends({"fetch", "ada"}, exit_usage, "fetch");
  ends({}, exit_usage, "--help");
  ends({"delete"}, exit_usage, "--edge");
  ends({"space", "drop", "default"}, exit_usage, "--yes");
  ends({"recall", "ada", "--decay", "7"}, exit_usage, "decay");
  ends({"get", "ada", "--token-file", "/nowhere"}, exit_local, "/nowhere");
  ends({"get", "ada", "--ca", "/nowhere"}, exit_local, "/nowhere");
  ends({"get", "ada", "--ca", "/dev/null"}, exit_local, "no PEM certificate");
  ends({"bench", "--keys", "1", "--ca", "/nowhere"}, exit_local, "/nowhere");
  ends({"log", "--data-dir", "/nowhere"}, exit_local, "/nowhere");
  auto error = json::parse(engine.run({"put", "ada", "--create", "--json"}).errors);
  CHECK(error["error"]["code"] == "vertex_exists");

  engine.stop();
  ends({"get", "ada"}, exit_unreachable, "engram serve");
}

TEST_CASE("spaces and indexes") {
  CliEngine engine;
  load_people(engine);
  CHECK(engine.run({"space", "create", "notes", "--together", "--max-vertices", "2"}).exit_code == exit_ok);
  CHECK(engine.run({"shell", "--space", "notes"}, "put a\nput b\n").exit_code == exit_ok);
  auto full = engine.run({"put", "c", "--space", "notes"});
  CHECK(full.exit_code == exit_refused);
  CHECK_THAT(full.errors, Contains("quota"));
  CHECK(engine.run({"get", "a"}).exit_code == exit_not_found);
  CHECK_THAT(engine.run({"space", "list"}).output, Contains("notes") && Contains("2 of 2"));
  CHECK(engine.run({"shell"}, "use notes\nget a\nuse default\nget ada\n").exit_code == exit_ok);
  CHECK(engine.run({"space", "quota", "notes", "--none"}).exit_code == exit_ok);
  CHECK(engine.run({"put", "c", "--space", "notes"}).exit_code == exit_ok);
  CHECK(engine.run({"space", "drop", "notes", "--yes"}).exit_code == exit_ok);
  CHECK(engine.run({"get", "a", "--space", "notes"}).exit_code == exit_not_found);

  CHECK(engine.run({"scan", "--label", "Person", "--lookup", "born>=1800"}).exit_code == exit_refused);
  CHECK(engine.run({"space", "index", "born", "--label", "Person"}).exit_code == exit_ok);
  CHECK(engine.run({"scan", "--label", "Person", "--lookup", "born>=1800", "--keys"}).output == "ada\n");
  CHECK(engine.run({"scan", "--label", "Person", "--lookup", "born<1815", "--keys"}).output == "charles\n");
  // What an index does not look at is refused, not left out.
  for (const char* more : {"--where", "--label"}) {
    auto refused = engine.run({"scan", "--label", "Person", "--lookup", "born>=1700", more, "name"});
    CHECK(refused.exit_code == exit_usage);
    CHECK(refused.output.empty());
    CHECK_THAT(refused.errors, Contains("give the condition as another --where, without --lookup"));
  }
}

TEST_CASE("a look-up shows all that there is, page after page") {
  CliEngine engine;
  test::TemporaryDirectory directory;
  std::ofstream rows(directory / "rows.jsonl");
  for (int i = 0; i < 10'050; ++i)
    rows << R"({"type":"vertex","key":"k)" << i << R"(","properties":{"number":)" << i << "}}\n";
  rows.close();
  CHECK(engine.run({"import", directory / "rows.jsonl"}).exit_code == exit_ok);
  CHECK(engine.run({"space", "index", "number"}).exit_code == exit_ok);
  auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  auto all = engine.run({"scan", "--lookup", "number>=10", "--keys", "--all"});
  CHECK(lines(all.output) == 10'040);
  CHECK_THAT(all.output, StartsWith("k10\nk11\n") && EndsWith("k10048\nk10049\n"));
  CHECK(all.errors.empty());
  auto some = engine.run({"scan", "--lookup", "number>=10", "--keys", "--limit", "10001"});
  CHECK(lines(some.output) == 10'001);
  CHECK_THAT(some.errors, Contains("cut by the limit"));
}

TEST_CASE("a script in the shell stops at the line that fails") {
  CliEngine engine;
  auto ran = engine.run({"shell"}, "put a\nget nobody\nput never\n");
  CHECK(ran.exit_code == exit_not_found);
  CHECK(engine.run({"get", "a"}).exit_code == exit_ok);
  CHECK(engine.run({"get", "never"}).exit_code == exit_not_found);
  CHECK(engine.run({"shell"}, "put 'open\n").exit_code == exit_usage);
}

TEST_CASE("the log tells what was done, while the engine runs and after it") {
  CliEngine engine;
  load_people(engine);
  auto listed = [&] { return engine.run({"log", "--data-dir", engine.data_dir()}).output; };
  CHECK_THAT(listed(), Contains("put ada") && Contains("ada -KNOWS-> charles") && Contains("charles -BUILT-> engine"));
  engine.stop();
  CHECK_THAT(listed(), Contains("put ada"));
  auto first = json::parse(engine.run({"log", "--data-dir", engine.data_dir(), "--json", "--limit", "1", "--print"}).output);
  CHECK(first["what"] == "batch");
  CHECK(first["operations"] == 1);
  CHECK_THAT(first["command"].get<std::string>(), Contains("key = \"ada\""));
  auto session = std::to_string(first["session"].get<std::uint64_t>());
  CHECK_THAT(engine.run({"log", "--data-dir", engine.data_dir(), "--session", session}).output, Contains("put charles"));
  CHECK(engine.run({"log", "--data-dir", engine.data_dir(), "--session", "1"}).output.empty());
  CHECK(engine.run({"log", "--data-dir", engine.data_dir(), "--since", "2100-01-01"}).output.empty());
  CHECK_THAT(engine.run({"log", "--data-dir", engine.data_dir(), "--segments"}).output, Contains("commands-"));
}

/// The files of a certificate for a name, and of its key.
std::pair<std::string, std::string> self_signed(const test::TemporaryDirectory& directory, const std::string& name) {
  auto key = directory / (name + ".key"), certificate = directory / (name + ".pem");
  auto made = run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                           "-days", "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + name, "-keyout", key,
                           "-out", certificate});
  INFO(made.errors);
  REQUIRE(made.exit_code == 0);
  ::chmod(key.c_str(), 0600);
  return {certificate, key};
}

TEST_CASE("TLS and tokens: who is trusted, and what each may do") {
  test::TemporaryDirectory directory;
  auto [certificate, key] = self_signed(directory, "engram.test");
  auto tokens = directory / "tokens.toml";
  auto token = [&](const std::string& name, const std::string& role) {
    auto ran = run_program({test::built_binary(), "token", name, "--role", role, "--file", tokens});
    REQUIRE(ran.exit_code == 0);
    auto file = directory / name;
    std::ofstream(file) << ran.output;
    return file;
  };
  auto writer = token("writer", "write"), reader = token("reader", "read");
  CliEngine engine({"--tls-certificate", certificate, "--tls-key", key, "--security-tokens", tokens});
  auto ends = [&](std::vector<std::string> arguments, int code) {
    arguments.insert(arguments.end(), {"--server", engine.tcp(), "--timeout", "10s"});
    auto ran = engine.run(arguments);
    INFO(arguments[0] << ": " << ran.output << ran.errors);
    CHECK(ran.exit_code == code);
    return ran;
  };
  ends({"put", "ada", "--ca", certificate, "--tls-name", "engram.test", "--token-file", writer}, exit_ok);
  ends({"get", "ada", "--ca", certificate, "--tls-name", "engram.test", "--token-file", reader}, exit_ok);
  CHECK_THAT(ends({"put", "x", "--ca", certificate, "--tls-name", "engram.test", "--token-file", reader}, exit_refused).errors,
             Contains("read"));
  ends({"space", "create", "x", "--ca", certificate, "--tls-name", "engram.test", "--token-file", writer}, exit_refused);
  ends({"get", "ada", "--ca", certificate, "--tls-name", "engram.test"}, exit_refused);              // no token
  CHECK_THAT(ends({"get", "ada", "--ca", certificate, "--tls-name", "other", "--token-file", reader}, exit_refused).errors,
             Contains("certificate"));
  ends({"get", "ada", "--tls", "--tls-name", "engram.test", "--token-file", reader}, exit_refused);  // nobody trusts it
  ends({"get", "ada", "--token-file", reader}, exit_unreachable);                                   // no TLS at all
}

TEST_CASE("an engine that knows its clients by certificates gets one by --cert and --key") {
  test::TemporaryDirectory directory;
  auto [certificate, key] = self_signed(directory, "engram.test");
  auto [own_certificate, own_key] = self_signed(directory, "client.test");
  CliEngine engine({"--tls-certificate", certificate, "--tls-key", key, "--tls-client-ca", own_certificate});
  auto ends = [&](std::vector<std::string> arguments, int code) {
    arguments.insert(arguments.end(), {"--server", engine.tcp(), "--ca", certificate, "--tls-name", "engram.test"});
    auto ran = engine.run(arguments);
    INFO(ran.output << ran.errors);
    CHECK(ran.exit_code == code);
    return ran;
  };
  ends({"put", "ada", "--cert", own_certificate, "--key", own_key}, exit_ok);
  CHECK_THAT(ends({"get", "ada", "--cert", own_certificate, "--key", own_key}, exit_ok).output, Contains("ada"));
  CHECK_THAT(ends({"get", "ada"}, exit_unreachable).errors, Contains("--cert"));
  CHECK_THAT(ends({"get", "ada", "--cert", own_certificate}, exit_usage).errors, Contains("--key"));
  auto no_file = directory / "no.pem";
  CHECK_THAT(ends({"get", "ada", "--cert", no_file, "--key", own_key}, exit_local).errors, Contains(no_file));
  CHECK_THAT(ends({"get", "ada", "--cert", own_certificate, "--key", no_file}, exit_local).errors, Contains(no_file));
  ends({"get", "ada", "--cert", own_certificate, "--key", own_certificate}, exit_local);  // no key in it
  CHECK_THAT(ends({"get", "ada", "--cert", own_certificate, "--key", key}, exit_local).errors, Contains("does not belong"));
}

}  // namespace engram::cli
