#pragma once
// Clients for tests in which a call that takes long is no error: what is tested is that it is answered, and with what.

#include <catch2/catch.hpp>

#include <string>
#include <utility>

#include "client/engram/client.h"
#include "tests/support/wait.h"

namespace engram::test {

inline client::Options patient_options(const std::string& servers) {
  client::Options options;
  options.server = servers;
  options.timeout_ms = options.connect_wait_ms = longest_wait_ms;
  options.backoff_max_ms = 50;
  return options;
}

/// A client that does not give up soon; fails the test if it cannot connect.
inline client::Client connect_patiently(const client::Options& options) {
  auto client = client::Client::connect(options);
  INFO(client.status().message());
  REQUIRE(client.ok());
  return std::move(client).value();
}
inline client::Client connect_patiently(const std::string& servers) { return connect_patiently(patient_options(servers)); }

}  // namespace engram::test
