// Any bytes as a client's command: refused with a message, or fit to be logged and applied, to a core that then still
// agrees with itself.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "actors/partition/command_check.h"
#include "tests/support/core_cluster.h"

namespace {

using namespace engram;

/// Gives bytes the one header that gets past the first check.
std::string framed(const std::string& bytes) {
  std::uint32_t header[2] = {0, static_cast<std::uint32_t>(bytes.size() / 8)};
  return std::string(reinterpret_cast<const char*>(header), sizeof header) + bytes.substr(0, bytes.size() / 8 * 8);
}

void check(const std::string& bytes, CommandKind kind) {
  CommandLimits limits;
  limits.max_bytes = 64 << 10;
  limits.max_operations = 100;
  auto command = check_command(as_bytes(bytes), kind, limits);
  if (!command.ok()) {
    if (command.status().message().empty()) std::abort();
    return;
  }
  test::CoreCluster cluster(1);
  PartitionCore& core = cluster.core({0});
  for (int times = 0; times < 2; ++times) {
    Effects effects;
    core.apply({{core.applied().value + 1}, 1'700'000'000'000'000'000 + times, *command}, effects);
    if (effects.empty()) std::abort();  // a client that is never answered
    if (!core.graph().take_failure().ok()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (CommandKind kind : {CommandKind::batch, CommandKind::administration}) {
    check(bytes, kind);
    check(framed(bytes), kind);
  }
  return 0;
}
