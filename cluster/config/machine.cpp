#include "cluster/config/machine.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

namespace engram {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// 0 if it is no number ("max", "-1", a missing file): no limit.
std::uint64_t number_or_zero(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? value : 0;
}

std::uint64_t machine_memory_bytes(const std::string& root) {
  std::ifstream file(root + "/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("MemTotal:")) continue;
    std::size_t digits = line.find_first_of("0123456789");
    return digits == std::string::npos ? 0 : number_or_zero(std::string_view(line).substr(digits)) * 1024;
  }
  return 0;
}

/// The path of this process's cgroup for a controller ("" is version 2), as /proc/self/cgroup has it.
std::string cgroup_path(const std::string& root, std::string_view controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    std::size_t first = line.find(':');
    std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::stringstream names(line.substr(first + 1, second - first - 1));
    std::string name;
    do {
      std::getline(names, name, ',');
      if (name == controller) return line.substr(second + 1);
    } while (names.good());
  }
  return "/";
}

/// Calls `read` for the process's cgroup and all above it: the tightest limit counts. Inside a container the path that
/// /proc shows may not exist, and the root of the mount is the container's own group, which the walk ends with.
template <typename Read>
void for_each_cgroup(const std::string& mount, std::string path, Read read) {
  while (true) {
    read(mount + path);
    std::size_t slash = path.rfind('/');
    if (path.empty() || slash == std::string::npos) return;
    path.resize(slash);
  }
}

void lower(std::uint64_t& limit, std::uint64_t candidate) {
  if (candidate != 0) limit = limit == 0 ? candidate : std::min(limit, candidate);
}

std::uint64_t memory_limit_bytes(const std::string& root) {
  std::uint64_t limit = 0;
  for_each_cgroup(root + "/sys/fs/cgroup", cgroup_path(root, ""),
                  [&](const std::string& group) { lower(limit, number_or_zero(first_line(group + "/memory.max"))); });
  for_each_cgroup(root + "/sys/fs/cgroup/memory", cgroup_path(root, "memory"), [&](const std::string& group) {
    lower(limit, number_or_zero(first_line(group + "/memory.limit_in_bytes")));
  });
  return limit;
}

/// Whole cores of CPU quota, rounded up; 0: no quota.
std::uint64_t quota_cores(const std::string& root) {
  std::uint64_t cores = 0;
  auto apply = [&cores](std::uint64_t quota, std::uint64_t period) {
    if (quota != 0 && period != 0) lower(cores, (quota + period - 1) / period);
  };
  for_each_cgroup(root + "/sys/fs/cgroup", cgroup_path(root, ""), [&](const std::string& group) {
    std::string line = first_line(group + "/cpu.max");
    std::size_t space = line.find(' ');
    if (space != std::string::npos)
      apply(number_or_zero(line), number_or_zero(std::string_view(line).substr(space + 1)));
  });
  for_each_cgroup(root + "/sys/fs/cgroup/cpu", cgroup_path(root, "cpu"), [&](const std::string& group) {
    apply(number_or_zero(first_line(group + "/cpu.cfs_quota_us")),
          number_or_zero(first_line(group + "/cpu.cfs_period_us")));
  });
  return cores;
}

std::uint64_t affinity_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof(set), &set) == 0 ? static_cast<std::uint64_t>(CPU_COUNT(&set)) : 1;
}

}  // namespace

Machine detect_machine(const std::string& root) {
  Machine machine;
  std::uint64_t cores = affinity_cores();
  lower(cores, quota_cores(root));
  machine.cores = static_cast<unsigned>(std::max<std::uint64_t>(cores, 1));
  machine.memory_bytes = machine_memory_bytes(root);
  lower(machine.memory_bytes, memory_limit_bytes(root));
  machine.host_name = first_line(root + "/proc/sys/kernel/hostname");
  return machine;
}

}  // namespace engram
