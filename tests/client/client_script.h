#pragma once
// A client and the fake engine that it talks to, on one event loop.

#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "client/client_impl.h"
#include "tests/client/fake_engine.h"
#include "tests/support/wait.h"

namespace engram::client {

struct Setup {
  std::shared_ptr<kj::AsyncIoContext> loop = loop_of_this_thread();
  FakeEngine engine{*loop};

  Options options() {
    Options options;
    options.server = engine.address();
    options.timeout_ms = test::longest_wait_ms;
    options.backoff_min_ms = 2;
    options.backoff_max_ms = 20;
    options.connect_wait_ms = 0;
    return options;
  }
  Client client() { return client(options()); }
  static Client client(const Options& options) {
    auto connected = Client::connect(options);
    INFO(connected.status().message());
    REQUIRE(connected.ok());
    return std::move(connected).value();
  }
};

inline Batch one_vertex(const std::string& key) {
  Batch batch(1);
  batch.put_vertex(key, {.labels = {"Person"}});
  return batch;
}

}  // namespace engram::client
