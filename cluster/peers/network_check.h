#pragma once
// What has to hold for two nodes to talk, whatever their owners think of each other.

#include <string>

#include "cluster/peers/network_hello.h"

namespace engram {

/// `called`: this node called the other one. The message of an error is for the operators of both. Errors: unsupported (no
/// version of the protocol in common), precondition_failed (another cluster), invalid_argument (configured differently, or
/// the address of another node).
Status check_greeting(const PeerGreeting& ours, const PeerGreeting& theirs, bool called);

/// "node 2", with its name if it says one: "engram-2".
std::string node_text(const Introduction& node);

}  // namespace engram
