#include "cluster/node/open_files.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "cluster/operations/operations_server.h"

namespace engram {
namespace {

/// The log's next segment, spares and the move to the archive, token and certificate files, and some to be safe.
constexpr std::uint64_t files_to_come = 64;
/// Its sockets, what wakes it up, and a connection that is accepted in order to be refused.
constexpr std::uint64_t files_of_a_loop = 8;

}  // namespace

void raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);  // as it was, at worst: `connections_within` counts with what there is
}

std::uint64_t open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::uint64_t>::max();
  return limit.rlim_cur;  // RLIM_INFINITY is the largest number
}

std::uint64_t open_files() {
  std::error_code error;
  std::filesystem::directory_iterator all("/proc/self/fd", error);
  if (error) return 0;
  return static_cast<std::uint64_t>(std::distance(begin(all), end(all)));
}

std::uint64_t connections_within(std::uint64_t limit, std::uint64_t open, std::uint64_t loops) {
  std::uint64_t taken = open + loops * files_of_a_loop + OperationsServer::max_connections + files_to_come;
  return std::max<std::uint64_t>(limit > taken ? limit - taken : 0, 1);
}

}  // namespace engram
