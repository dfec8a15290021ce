// The files of an authority: what is in them, who may read them, when they are replaced.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <set>
#include <thread>

#include <openssl/x509v3.h>

#include "tests/support/text_file.h"
#include "tests/tools/certs/authority_setup.h"

using namespace engram;
using namespace engram::certs;
using Catch::Contains;
using test::AuthoritySetup;
using test::mode_of;
using test::value_of;

namespace {

Certificate read(const std::string& path) {
  return std::move(value_of(parse_certificates(test::read_text(path), path)).front());
}

std::set<std::string> files_in(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.insert(entry.path().filename().string());
  return names;
}

bool is_critical(X509& certificate, int extension) {
  int at = ::X509_get_ext_by_NID(&certificate, extension, -1);
  return at >= 0 && ::X509_EXTENSION_get_critical(::X509_get_ext(&certificate, at)) == 1;
}

/// While it lives, nothing but the program's own modes protects a new file.
class NoUmask {
 public:
  NoUmask() : before_(::umask(0)) {}
  ~NoUmask() { ::umask(before_); }
  NoUmask(const NoUmask&) = delete;
  NoUmask& operator=(const NoUmask&) = delete;

 private:
  mode_t before_;
};

}  // namespace

TEST_CASE("an authority signs certificates and lists of revoked ones, and no other authorities") {
  AuthoritySetup setup(1);
  auto authority = read(setup / "ca.pem");
  CHECK(::X509_check_ca(authority.get()) == 1);
  CHECK(::X509_get_pathlen(authority.get()) == 0);
  CHECK(::X509_get_key_usage(authority.get()) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
  CHECK(is_critical(*authority, NID_basic_constraints));
  CHECK(is_critical(*authority, NID_key_usage));
  CHECK(is_signed_by(*authority, *authority));
  auto description = describe(*authority);
  CHECK(description.use == Use::authority);
  CHECK(description.subject == "CN=engram authority");
  CHECK(days_left(description, test::real_now_s()) == 3649);
}

TEST_CASE("a node's certificate has its names, both uses, and refers to the authority's key") {
  AuthoritySetup setup(1);
  auto issued = setup.issue_node(2);
  auto node = read(setup / "engram-2.pem"), authority = read(setup / "ca.pem");
  CHECK(issued.certificate_path == setup / "engram-2.pem");
  CHECK(issued.description.subject == "CN=engram-2");
  CHECK(issued.description.issuer == "CN=engram authority");
  CHECK(issued.description.names ==
        std::vector<std::string>{"engram-2", "engram-2.engram", "localhost", "127.0.0.1", "::1"});
  CHECK(::X509_check_ca(node.get()) == 0);
  CHECK(::X509_get_extended_key_usage(node.get()) == (XKU_SSL_SERVER | XKU_SSL_CLIENT));
  CHECK(::X509_get_key_usage(node.get()) == KU_DIGITAL_SIGNATURE);
  CHECK(::X509_get_signature_nid(node.get()) == NID_ecdsa_with_SHA256);
  CHECK(is_signed_by(*node, *authority));
  CHECK(::X509_check_issued(authority.get(), node.get()) == X509_V_OK);
  REQUIRE(::X509_get0_authority_key_id(node.get()) != nullptr);
  CHECK(::ASN1_OCTET_STRING_cmp(::X509_get0_authority_key_id(node.get()), ::X509_get0_subject_key_id(authority.get())) == 0);
  std::int64_t now_s = setup.clock.wall_ns() / 1'000'000'000;
  CHECK(issued.description.not_before_s <= now_s - clock_skew_s);
  CHECK(issued.description.not_before_s >= now_s - clock_skew_s - 60);
  CHECK(days_left(issued.description, test::real_now_s()) == 824);
}

TEST_CASE("what is made passes the checks of an engine") {
  AuthoritySetup setup;
  setup.issue_node(0);
  value_of(setup.issue({.use = Use::server, .name = "db.example", .hosts = {"db.example"}}));
  value_of(setup.issue({.use = Use::client, .name = "ingest"}));
  for (const auto* name : {"engram-0", "db.example", "ingest"}) {
    auto material = value_of(load_tls_files(setup.paths(name), setup.clock));
    CHECK(material.client_ca_pem == test::read_text(setup / "ca.pem"));
    CHECK(material.not_after_ns > setup.clock.wall_ns());
  }
}

TEST_CASE("keys are for their owner alone from the start, whatever the umask") {
  NoUmask no_umask;
  AuthoritySetup setup;
  setup.issue_node(0);
  Order again = node_order("engram", 0);
  again.existing = Existing::replace;
  value_of(setup.issue(again));
  CHECK(mode_of(setup.certs) == 0700);
  CHECK(mode_of(setup / "ca.key") == 0400);
  CHECK(mode_of(setup / "engram-0.key") == 0400);
  CHECK(mode_of(setup / "ca.pem") == 0644);
  CHECK(mode_of(setup / "engram-0.pem") == 0644);
  CHECK(files_in(setup.certs) == std::set<std::string>{"ca.key", "ca.pem", "engram-0.key", "engram-0.pem"});
}

TEST_CASE("serial numbers are long and never the same") {
  AuthoritySetup setup;
  std::set<std::string> serials = {describe(*read(setup / "ca.pem")).serial};
  for (std::uint32_t ordinal = 0; ordinal < 8; ++ordinal) {
    auto serial = setup.issue_node(ordinal).description.serial;
    INFO(serial);
    CHECK(serial.size() > 24);  // 32 digits, but for zeros in front
    CHECK(serial.front() != '-');
    CHECK(serials.insert(serial).second);
  }
}

TEST_CASE("an authority is never replaced, nor made of half of one") {
  AuthoritySetup setup;
  auto before = test::read_text(setup / "ca.key");
  auto again = Authority::make(setup.certs, "engram", 30, setup.clock, setup.random);
  CHECK_THAT(again.status().message(), Contains("there is an authority already") && Contains("ca.pem"));
  CHECK(test::read_text(setup / "ca.key") == before);

  std::filesystem::remove(setup / "ca.pem");
  again = Authority::make(setup.certs, "engram", 30, setup.clock, setup.random);
  CHECK_THAT(again.status().message(), Contains("ca.key is there without its ca.pem"));
  CHECK_THAT(Authority::open(setup.certs, setup.clock, setup.random).status().message(),
             Contains("ca.pem cannot be opened"));
  CHECK(test::read_text(setup / "ca.key") == before);
}

TEST_CASE("a renewal has a new key, keeps the names, and an engine that looks takes it") {
  AuthoritySetup setup;
  Order order = node_order("engram", 0);
  order.also = {"10.1.2.3", "db.example"};
  auto first = value_of(setup.issue(order));
  auto files = value_of(TlsFiles::open(setup.paths("engram-0"), setup.clock));
  auto first_key = files->current()->private_key_pem;

  CHECK_THAT(setup.issue(order).status().message(), Contains("engram-0.pem is there already: --renew replaces it"));
  CHECK_FALSE(value_of(files->reload_if_changed()));
  order.also.clear();
  order.existing = Existing::replace;
  auto second = value_of(setup.issue(order));
  CHECK(second.action == Action::renewed);
  CHECK(second.description.names == first.description.names);
  CHECK(second.description.serial != first.description.serial);
  CHECK(value_of(files->reload_if_changed()));
  CHECK(files->current()->private_key_pem != first_key);

  order.also = {"other.example"};
  auto third = value_of(setup.issue(order)).description.names;
  CHECK(third.back() == "other.example");
  CHECK(third.size() == 6);
}

TEST_CASE("an engine that looks all the time while a pair is renewed ends with the newest") {
  AuthoritySetup setup;
  setup.issue_node(0);
  auto files = value_of(TlsFiles::open(setup.paths("engram-0"), setup.clock));
  std::atomic<int> renewals{0};
  std::thread renewing([&] {
    Order order = node_order("engram", 0);
    order.existing = Existing::replace;
    for (int i = 0; i < 30; ++i) {
      auto authority = Authority::open(setup.certs, setup.clock, setup.random);
      if (authority.ok() && authority->issue(order).ok()) ++renewals;
    }
  });
  auto stop = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (renewals < 30 && std::chrono::steady_clock::now() < stop) (void)files->reload_if_changed();
  renewing.join();
  REQUIRE(renewals == 30);
  (void)files->reload_if_changed();
  CHECK(files->current()->certificate_chain_pem == test::read_text(setup / "engram-0.pem"));
  CHECK(files->current()->private_key_pem == test::read_text(setup / "engram-0.key"));
}

TEST_CASE("a pair that a crash left out of step, or a half of one, is repaired by a renewal") {
  AuthoritySetup setup;
  setup.issue_node(0);
  setup.issue_node(1);
  std::filesystem::rename(setup / "engram-1.key", setup / "engram-0.key");
  test::write_text(setup / ".engram-0.key.new", "what a crash left");
  Order order = node_order("engram", 0);
  order.existing = Existing::keep;
  CHECK_THAT(setup.issue(order).status().message(), Contains("engram-0.key is not the key of") && Contains("--renew"));
  order.existing = Existing::replace;
  value_of(setup.issue(order));
  CHECK(load_tls_files(setup.paths("engram-0"), setup.clock).ok());

  order = node_order("engram", 1);
  order.existing = Existing::keep;
  CHECK_THAT(setup.issue(order).status().message(), Contains("engram-1.key cannot be opened") && Contains("--renew"));
  order.existing = Existing::replace;
  value_of(setup.issue(order));
  CHECK(load_tls_files(setup.paths("engram-1"), setup.clock).ok());
  CHECK(files_in(setup.certs).size() == 6);
}

TEST_CASE("only a certificate that is as good as a new one is kept") {
  AuthoritySetup setup;
  auto made = setup.issue_node(0);
  Order order = node_order("engram", 0);
  order.existing = Existing::keep;
  auto kept = value_of(setup.issue(order));
  CHECK(kept.action == Action::kept);
  CHECK(kept.description.serial == made.description.serial);
  order.also = {"db.example"};
  CHECK_THAT(setup.issue(order).status().message(), Contains("without the name db.example"));
  order.also.clear();

  AuthoritySetup other;
  other.issue_node(0);
  for (const auto* file : {"engram-0.pem", "engram-0.key"}) std::filesystem::rename(other / file, setup / file);
  CHECK_THAT(setup.issue(order).status().message(), Contains("signed by another authority"));

  AuthoritySetup old(100 * 24);
  order.days = 50;
  value_of(old.issue(order));
  old.clock = test::PastClock();
  CHECK_THAT(old.issue(order).status().message(), Contains("has expired: --renew"));
}

TEST_CASE("a client's name does not take a node's certificate away") {
  AuthoritySetup setup;
  auto node = setup.issue_node(0);
  auto refused = setup.issue({.use = Use::client, .name = "engram-0", .existing = Existing::replace});
  CHECK_THAT(refused.status().message(), Contains("another kind (node)"));
  CHECK(describe(*read(setup / "engram-0.pem")).serial == node.description.serial);
}

TEST_CASE("nothing outlives the authority, and an expired one signs nothing") {
  AuthoritySetup setup(0, 100);
  auto cut = setup.issue_node(0);
  CHECK(cut.is_cut);
  CHECK(cut.description.not_after_s == describe(*read(setup / "ca.pem")).not_after_s);
  AuthoritySetup old(100 * 24, 50);
  CHECK_THAT(Authority::open(old.certs, SystemClock(), old.random).status().message(), Contains("ca.pem has expired"));
}

TEST_CASE("an authority whose key others may read, or whose directory they may write, is not used") {
  AuthoritySetup setup;
  auto refusal = [&] { return Authority::open(setup.certs, setup.clock, setup.random).status(); };
  ::chmod((setup / "ca.key").c_str(), 0444);
  CHECK(refusal().code() == Code::permission_denied);
  CHECK_THAT(refusal().message(), Contains("ca.key can be read or written by other users"));
  ::chmod((setup / "ca.key").c_str(), 0400);
  ::chmod(setup.certs.c_str(), 0777);
  CHECK_THAT(refusal().message(), Contains("chmod 700"));
  ::chmod(setup.certs.c_str(), 0700);
  CHECK(refusal().ok());
  AuthoritySetup other;
  std::filesystem::rename(other / "ca.key", setup / "ca.key");
  CHECK_THAT(refusal().message(), Contains("ca.key is not the key of"));
}
