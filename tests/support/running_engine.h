#pragma once
// A whole engine in the test's process: on a directory of its own, a free TCP port and a Unix socket, with two partitions
// and a small log. What a test gives as settings comes on top, by the names of docs/configuration.md.

#include <memory>
#include <stdexcept>
#include <string>

#include "cluster/logging/logging.h"
#include "cluster/node/node.h"
#include "tests/support/temporary_directory.h"

namespace engram::test {

class RunningEngine {
 public:
  explicit RunningEngine(const FlagValues& settings = {}) : settings_(settings) {
    if (Status status = start(); !status.ok()) throw std::runtime_error(status.message());
  }
  ~RunningEngine() { stop(); }

  /// "127.0.0.1:51234"
  [[nodiscard]] const std::string& address() const { return node_->address(); }
  [[nodiscard]] std::string unix_address() const { return "unix:" + (directory_ / "engram.sock"); }
  [[nodiscard]] std::uint16_t port() const {
    return static_cast<std::uint16_t>(std::stoul(address().substr(address().rfind(':') + 1)));
  }
  [[nodiscard]] Node& node() { return *node_; }
  [[nodiscard]] std::size_t calls_in_flight() const { return node_->gateway_services().calls_in_flight; }

  void stop() {
    if (node_ == nullptr) return;
    (void)node_->stop();
    node_.reset();
  }
  Status start() {
    ConfigSources sources;
    sources.machine = {2, std::uint64_t{1} << 30};
    sources.flags = {{"data.dir", directory_.path()}, {"listen.address", "127.0.0.1:0"}, {"operations.address", "none"},
                     {"cluster.partitions", "2"},     {"log.segment_bytes", "1MiB"},     {"log.spare_segments", "0"},
                     {"warm.initial_map_bytes", "64MiB"}};
    for (const auto& [key, value] : settings_) sources.flags[key] = value;
    auto loaded = load_config(sources);
    if (!loaded.ok()) return loaded.status();
    loaded_ = std::move(loaded).value();
    start_logging({.level = LogLevel::off}, clock_);
    node_ = std::make_unique<Node>(loaded_, clock_);
    Status status = node_->start();
    if (!status.ok()) node_.reset();
    return status;
  }

 private:
  TemporaryDirectory directory_;
  FlagValues settings_;
  SystemClock clock_;
  LoadedConfig loaded_;
  std::unique_ptr<Node> node_;
};

}  // namespace engram::test
