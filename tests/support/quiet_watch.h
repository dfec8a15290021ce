#pragma once
// When a cluster has nothing to do any more, not even for clients that have given up.

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/engram/client.h"

namespace engram::test {

/// Looks at the nodes of a cluster from time to time. What is on its way from one to another is in no node's numbers, so one
/// look is not enough: nothing may have been logged since the look before.
class QuietWatch {
 public:
  explicit QuietWatch(std::vector<std::string> servers) : servers_(std::move(servers)) {}

  /// True: no node has a command or a transaction, nor had one at the last look, nor has its log grown since. False, too, if one
  /// does not answer soon.
  bool look() {
    std::map<std::string, std::uint64_t> ends;
    for (const std::string& server : servers_) {
      std::optional<std::uint64_t> end = log_end_if_idle(server);
      if (!end) break;
      ends[server] = *end;
    }
    bool quiet = ends.size() == servers_.size() && ends == last_ends_;
    last_ends_ = std::move(ends);
    return quiet;
  }

 private:
  static std::optional<std::uint64_t> log_end_if_idle(const std::string& server) {
    auto client = client::Client::connect({.server = server, .connect_wait_ms = 1000});
    auto text = client.ok() ? client->engine_statistics() : Result<std::string>(client.status());
    if (!text.ok()) return std::nullopt;
    auto document = nlohmann::json::parse(*text);
    if (!document.contains("partitions") || !document.contains("log")) return std::nullopt;  // it has just been started
    for (const auto& partition : document["partitions"])
      for (const char* count : {"pending_commands", "transactions", "in_doubt"})
        if (partition.at(count) != 0) return std::nullopt;
    return document["log"].at("end_position").get<std::uint64_t>();
  }

  std::vector<std::string> servers_;
  std::map<std::string, std::uint64_t> last_ends_;
};

}  // namespace engram::test
