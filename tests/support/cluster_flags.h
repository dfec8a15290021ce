#pragma once
// Several engines on this machine as one cluster: what each is told to find the others.

#include <unistd.h>

#include <string>
#include <vector>

namespace engram::test {

/// An address of this machine that no other test program uses: every one of 127.0.0.0/8 is the loopback, so nodes may have
/// one port at different addresses, and no port has to be found free.
inline std::string loopback_address(unsigned node) {
  auto process = static_cast<unsigned>(::getpid());
  return "127." + std::to_string(1 + process / 250 % 250) + "." + std::to_string(1 + process % 250) + "." +
         std::to_string(1 + node);
}

inline std::string node_name(unsigned node) { return "engram-" + std::to_string(node); }

inline std::vector<std::string> cluster_flags(unsigned node, unsigned nodes) {
  std::string peers;
  for (unsigned i = 0; i < nodes; ++i) peers += (i == 0 ? "" : ",") + loopback_address(i) + ":9472";
  return {"--cluster-nodes",   std::to_string(nodes),            "--node-name",     node_name(node),
          "--cluster-address", loopback_address(node) + ":9472", "--cluster-peers", peers};
}

}  // namespace engram::test
