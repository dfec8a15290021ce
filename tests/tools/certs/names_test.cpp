#include "tools/certs/names.h"

#include <catch2/catch.hpp>

using namespace engram::certs;

TEST_CASE("names that would be another file, hidden, an option or the authority itself are refused") {
  for (const auto* name : {"engram-0", "ingest", "db.example", "a_b", "9", "CAt"}) {
    INFO(name);
    CHECK(check_name(name).ok());
  }
  for (const auto* name : {"", ".", "..", "../engram-0", "a/b", ".hidden", "-renew", "_a", "ca", "CA", "Ca", "a b", "a\nb",
                           "bücher"}) {
    INFO(name);
    CHECK(check_name(name).code() == engram::Code::invalid_argument);
  }
  CHECK(check_name(std::string(64, 'n')).ok());
  CHECK_FALSE(check_name(std::string(65, 'n')).ok());
  CHECK_FALSE(check_name(std::string("a\0b", 3)).ok());
}

TEST_CASE("a host is a name or an address, in one form") {
  CHECK(host_of("DB.Example").value() == "db.example");
  CHECK(host_of("*.engram.svc").value() == "*.engram.svc");
  CHECK(host_of("my_project_engram-0_1").ok());
  CHECK(host_of("10.0.0.1").value() == "10.0.0.1");
  CHECK(host_of("0:0:0:0:0:0:0:1").value() == "::1");
  CHECK(host_of("FD00::00A5").value() == "fd00::a5");
  CHECK(alternative_name("db.example") == "DNS:db.example");
  CHECK(alternative_name("10.0.0.1") == "IP:10.0.0.1");
  CHECK(alternative_name("::1") == "IP:::1");
  // What would become another extension, or none that anybody checks.
  for (const auto* text : {"", ".", "a..b", "a.", "-a", "a-", "a,DNS:b", "a b", "URI:x", "*", "a.*.b", "10.0.0.1/24",
                           "db.example:9470"}) {
    INFO(text);
    CHECK_FALSE(host_of(text).ok());
  }
  CHECK(host_of(std::string(63, 'a')).ok());
  CHECK_FALSE(host_of(std::string(64, 'a')).ok());
}
