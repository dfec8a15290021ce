#include "cluster/security/token_store.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/support/manual_clock.h"
#include "tests/support/no_files_left.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;
using Catch::Contains;

namespace {

struct Setup {
  test::TemporaryDirectory directory;
  test::ManualClock clock;
  test::SeededRandom random{11};
  std::string path = directory / "tokens.toml";
  NewToken reader = make_token(random);
  NewToken writer = make_token(random);

  void write(const std::string& text, mode_t mode = 0600) {
    test::write_text(path, text);
    ::chmod(path.c_str(), mode);
  }
  [[nodiscard]] std::string reader_entry() const {
    return token_entry_toml({.name = "reader", .digest = reader.digest});
  }
  [[nodiscard]] std::string writer_entry() const {
    return token_entry_toml(
        {.name = "writer", .digest = writer.digest, .role = Role::write, .spaces = {"news", "sports"}});
  }
  std::unique_ptr<TokenStore> open() {
    Result<std::unique_ptr<TokenStore>> store = TokenStore::open(path, clock);
    INFO(store.status().message());
    REQUIRE(store.ok());
    return std::move(store).value();
  }
  std::string refusal() {
    Result<std::unique_ptr<TokenStore>> store = TokenStore::open(path, clock);
    REQUIRE_FALSE(store.ok());
    return store.status().message();
  }
};

const std::string some_hash(64, 'a');

}  // namespace

TEST_CASE("a token is good for its role and its spaces") {
  Setup setup;
  setup.write(setup.reader_entry() + setup.writer_entry());
  auto store = setup.open();
  CHECK(store->size() == 2);

  Result<Grant> reader = store->authenticate(as_bytes(setup.reader.token));
  REQUIRE(reader.ok());
  CHECK(reader->name == "reader");
  CHECK(reader->allows(Role::read));
  CHECK_FALSE(reader->allows(Role::write));
  CHECK(reader->allows_space("anything"));

  Result<Grant> writer = store->authenticate(as_bytes(setup.writer.token));
  REQUIRE(writer.ok());
  CHECK(writer->allows(Role::read));
  CHECK(writer->allows(Role::write));
  CHECK_FALSE(writer->allows(Role::admin));
  CHECK(writer->allows_space("news"));
  CHECK_FALSE(writer->allows_space("finance"));
}

TEST_CASE("wrong, empty, cut, and huge tokens are refused with one message") {
  Setup setup;
  setup.write(setup.reader_entry());
  auto store = setup.open();
  std::set<std::string> messages;
  std::string cut = setup.reader.token.substr(0, setup.reader.token.size() - 1);
  for (const std::string& wrong :
       {std::string(), cut, setup.reader.token + "A", setup.writer.token, std::string(1 << 20, 'x')}) {
    Result<Grant> grant = store->authenticate(as_bytes(wrong));
    REQUIRE_FALSE(grant.ok());
    CHECK(grant.status().code() == Code::unauthenticated);
    messages.insert(grant.status().message());
  }
  CHECK(messages.size() == 1);
}

TEST_CASE("an entry is read back as it was, whatever its names hold") {
  Setup setup;
  std::string space = "line\nbreak\ttab \"quotes\" back\\slash \x7f\x01 größe";
  auto parsed = parse_tokens(token_entry_toml({.name = "a \"quoted\\ name", .digest = setup.reader.digest, .spaces = {space}}),
                             "tokens.toml");
  INFO(parsed.status().message());
  REQUIRE(parsed.ok());
  REQUIRE(parsed->size() == 1);
  CHECK(parsed->front().name == "a \"quoted\\ name");
  CHECK(parsed->front().spaces == std::vector<std::string>{space});
  CHECK_THAT(parse_tokens(token_entry_toml({.name = "two\nlines"}), "tokens.toml").status().message(),
             Contains("tokens.toml:2: name must be") && Contains("without control characters"));
}

TEST_CASE("a token expires, for new sessions and for live ones") {
  Setup setup;
  std::int64_t expires_ns = setup.clock.wall_ns() / 1'000'000'000 * 1'000'000'000 + 60'000'000'000;
  setup.write(token_entry_toml({.name = "short", .digest = setup.reader.digest, .expires_ns = expires_ns}));
  auto store = setup.open();
  Result<Grant> grant = store->authenticate(as_bytes(setup.reader.token));
  REQUIRE(grant.ok());
  CHECK(grant->expires_ns == expires_ns);
  CHECK(store->still_valid(grant->name, grant->generation));
  setup.clock.advance_ms(60'000);
  CHECK_FALSE(store->still_valid(grant->name, grant->generation));
  CHECK_FALSE(store->authenticate(as_bytes(setup.reader.token)).ok());
}

TEST_CASE("a token that is taken out of the file ends its live sessions, and only those") {
  Setup setup;
  setup.write(setup.reader_entry() + setup.writer_entry());
  auto store = setup.open();
  Grant reader = store->authenticate(as_bytes(setup.reader.token)).value();
  Grant writer = store->authenticate(as_bytes(setup.writer.token)).value();

  CHECK_FALSE(store->reload_if_changed().value());
  setup.write(setup.writer_entry());
  CHECK(store->reload_if_changed().value());
  CHECK_FALSE(store->still_valid(reader.name, reader.generation));
  CHECK(store->still_valid(writer.name, writer.generation));
  CHECK_FALSE(store->authenticate(as_bytes(setup.reader.token)).ok());

  // Put back later: new sessions are fine, the old one stays revoked.
  setup.write(setup.writer_entry() + setup.reader_entry());
  REQUIRE(store->reload().ok());
  CHECK(store->authenticate(as_bytes(setup.reader.token)).ok());
  CHECK_FALSE(store->still_valid(reader.name, reader.generation));
}

TEST_CASE("a changed role counts as a new token: live sessions of the old one end") {
  Setup setup;
  setup.write(setup.reader_entry());
  auto store = setup.open();
  Grant before = store->authenticate(as_bytes(setup.reader.token)).value();
  setup.write(token_entry_toml({.name = "reader", .digest = setup.reader.digest, .role = Role::admin}));
  REQUIRE(store->reload().ok());
  CHECK_FALSE(store->still_valid(before.name, before.generation));
  Grant after = store->authenticate(as_bytes(setup.reader.token)).value();
  CHECK(after.role == Role::admin);
  CHECK(store->still_valid(after.name, after.generation));
}

TEST_CASE("a broken file locks nobody out, and is reported once") {
  Setup setup;
  setup.write(setup.reader_entry());
  auto store = setup.open();
  setup.write("[[token]]\nname = \"half\n");
  CHECK_FALSE(store->reload_if_changed().ok());
  CHECK_FALSE(store->reload_if_changed().value());
  CHECK(store->authenticate(as_bytes(setup.reader.token)).ok());
  std::filesystem::remove(setup.path);
  CHECK_FALSE(store->reload_if_changed().ok());
  CHECK(store->authenticate(as_bytes(setup.reader.token)).ok());
  setup.write(setup.writer_entry());
  CHECK(store->reload_if_changed().value());
  CHECK(store->authenticate(as_bytes(setup.writer.token)).ok());
}

TEST_CASE("a revocation is not lost when its file cannot be read: it is tried again, and the failure is told once") {
  Setup setup;
  setup.write(setup.reader_entry() + setup.writer_entry());
  auto store = setup.open();
  Grant reader = store->authenticate(as_bytes(setup.reader.token)).value();
  setup.write(setup.writer_entry());
  {
    test::NoFilesLeft none;
    CHECK_FALSE(store->reload_if_changed().ok());
    CHECK_FALSE(store->reload_if_changed().value());
    CHECK_FALSE(store->reload().ok());  // who asks for it is told again
    CHECK(store->still_valid(reader.name, reader.generation));
  }
  CHECK(store->reload_if_changed().value());
  CHECK_FALSE(store->still_valid(reader.name, reader.generation));
  CHECK_FALSE(store->reload_if_changed().value());

  // The next failure is another one, though it reads the same.
  setup.write(setup.reader_entry());
  test::NoFilesLeft none;
  CHECK_FALSE(store->reload_if_changed().ok());
}

TEST_CASE("a token file that others may read is refused, until its mode is right") {
  Setup setup;
  setup.write(setup.reader_entry());
  auto store = setup.open();
  for (mode_t mode : {0640, 0604, 0620, 0660, 0644}) {
    CAPTURE(mode);
    setup.write(setup.reader_entry(), mode);
    Status refused = store->reload();
    CHECK(refused.code() == Code::permission_denied);
    CHECK_THAT(refused.message(), Contains("chmod 600 " + setup.path));
  }
  ::chmod(setup.path.c_str(), 0400);
  CHECK(store->reload_if_changed().value());
}

TEST_CASE("a mounted secret of root may be readable by its group, nothing else may") {
  CHECK(secret_mode_is_safe(0440, 0, 65532));
  CHECK_FALSE(secret_mode_is_safe(0440, 0, 0));
  CHECK_FALSE(secret_mode_is_safe(0440, 65532, 65532));
  CHECK_FALSE(secret_mode_is_safe(0460, 0, 65532));
  CHECK_FALSE(secret_mode_is_safe(0444, 0, 65532));
  CHECK(secret_mode_is_safe(0400, 65532, 65532));
}

TEST_CASE("mistakes in a token file are named with their line") {
  Setup setup;
  auto refusal_of = [&](const std::string& text) {
    setup.write(text);
    return setup.refusal();
  };
  const std::string good = "[[token]]\nname = \"a\"\nsha256 = \"" + some_hash + "\"\nrole = \"read\"\n";
  setup.write(good);
  setup.open();
  CHECK_THAT(refusal_of(good + "rights = 3\n"), Contains("tokens.toml:5: unknown key rights"));
  CHECK_THAT(refusal_of("tokens = 3\n"), Contains("tokens.toml:1: unknown key tokens"));
  CHECK_THAT(refusal_of("[[token]]\nname = \"a\"\nrole = \"read\"\n"),
             Contains("tokens.toml:1: a token without sha256"));
  CHECK_THAT(refusal_of("[[token]]\nname = \"a\"\nsha256 = \"abc\"\n"), Contains("tokens.toml:3: sha256 must be"));
  CHECK_THAT(refusal_of("[[token]]\nrole = \"root\"\n"), Contains("tokens.toml:2: role must be"));
  CHECK_THAT(refusal_of(good + "spaces = []\n"), Contains("tokens.toml:5: spaces must be"));
  CHECK_THAT(refusal_of(good + "spaces = \"news\"\n"), Contains("tokens.toml:5: spaces must be"));
  CHECK_THAT(refusal_of(good + "expires = \"soon\"\n"), Contains("tokens.toml:5: expires must be"));
  CHECK_THAT(refusal_of(good + good), Contains("a second token has the name \"a\""));
  CHECK_THAT(refusal_of(good + "[[token]]\nname = \"b\"\nsha256 = \"" + some_hash + "\"\nrole = \"read\"\n"),
             Contains("\"b\" has the hash of another one"));
  CHECK_THAT(refusal_of("[[token"), Contains("tokens.toml:1"));
  setup.path = setup.directory / "missing.toml";
  CHECK_THAT(setup.refusal(), Contains("missing.toml cannot be opened"));
}

TEST_CASE("dates in a token file are times in UTC") {
  auto expiry = [](const std::string& text) {
    Result<std::vector<TokenEntry>> entries = parse_tokens(
        "[[token]]\nname = \"a\"\nsha256 = \"" + some_hash + "\"\nrole = \"read\"\nexpires = " + text + "\n", "t");
    REQUIRE(entries.ok());
    return entries->at(0).expires_ns;
  };
  CHECK(expiry("2027-01-31") == 1'801'353'600'000'000'000);
  CHECK(expiry("2027-01-31T00:00:00Z") == 1'801'353'600'000'000'000);
  CHECK(expiry("2027-01-31T02:00:00+02:00") == 1'801'353'600'000'000'000);
  CHECK(expiry("9999-12-31") > expiry("2260-01-01"));
}

TEST_CASE("new tokens have 256 random bits and are never the same") {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    NewToken token = make_token(random);
    CHECK(token.token.size() == 7 + 43);
    CHECK(token.token.starts_with("engram_"));
    CHECK(token.token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
    CHECK(token.digest == sha256(as_bytes(token.token)));
    CHECK(seen.insert(token.token).second);
  }
}

TEST_CASE("the hash is SHA-256") {
  Result<std::vector<TokenEntry>> entries = parse_tokens(
      "[[token]]\nname = \"a\"\nsha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\nrole = "
      "\"read\"\n",
      "t");
  REQUIRE(entries.ok());
  CHECK(entries->at(0).digest == sha256(as_bytes("abc")));
}

TEST_CASE("readers and reloads run side by side") {
  Setup setup;
  setup.write(setup.reader_entry() + setup.writer_entry());
  auto store = setup.open();
  std::atomic<bool> ending{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      while (!ending) {
        Result<Grant> grant = store->authenticate(as_bytes(setup.reader.token));
        if (!grant.ok() || !store->still_valid("reader", grant->generation)) failures++;
      }
    });
  for (int i = 0; i < 50; ++i) CHECK(store->reload().ok());
  ending = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(store->generation() == 51);
}
