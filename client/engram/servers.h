#pragma once
// The list of servers that Options::server may be.

#include <string>
#include <vector>

namespace engram::client {

/// The addresses in a list separated by commas. An empty list gives one empty address, so that the error of connecting says it.
std::vector<std::string> split_servers(const std::string& list);

}  // namespace engram::client
