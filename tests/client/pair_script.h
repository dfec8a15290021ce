#pragma once
// A cluster of two fake engines, and a client of it.

#include <string>
#include <utility>
#include <vector>

#include "tests/client/client_script.h"

namespace engram::client {

/// Two nodes with one partition each.
struct Pair {
  std::shared_ptr<kj::AsyncIoContext> loop = loop_of_this_thread();
  FakeEngine left{*loop}, right{*loop};

  Pair() { tell({0, 1}); }
  void tell(std::vector<std::uint16_t> owners) {
    for (FakeEngine* engine : {&left, &right}) {
      engine->map.node = engine == &left ? 0 : 1;
      engine->map.cluster_id = "0123456789abcdef";
      engine->map.nodes = {{0, left.address(), true}, {1, right.address(), true}};
      engine->map.owners = owners;
    }
  }
  /// Of a client whose first connection is to `left`.
  [[nodiscard]] Options options(unsigned times_right = 1) const {
    Options options;
    options.server = left.address();
    for (unsigned i = 0; i < times_right; ++i) options.server += "," + right.address();
    options.timeout_ms = 3000;
    options.backoff_min_ms = 2;
    options.backoff_max_ms = 20;
    options.random = [] { return 0; };
    return options;
  }
  static Client client(const Options& options) {
    auto connected = Client::connect(options);
    INFO(connected.status().message());
    REQUIRE(connected.ok());
    return std::move(connected).value();
  }
  Client client() { return client(options()); }
  Client client(const std::string& servers) {
    Options chosen = options();
    chosen.server = servers;
    return client(chosen);
  }
  void forget_counts() { left.gets = right.gets = 0; }
};

inline std::string key_of(const Client& client, std::uint16_t partition) {
  for (int i = 0;; ++i)
    if (std::string key = "k" + std::to_string(i); client.owner_of(key).value == partition) return key;
}

/// Reads until the connection to the owner is there; it is made beside the calls.
inline void read_until(Client& client, const std::string& key, const int& gets) {
  REQUIRE(test::comes_true([&] {
    (void)client.get(key);
    return gets > 0;
  }, 0));
}

}  // namespace engram::client
