#include "cluster/config/machine.h"

#include <catch2/catch.hpp>

#include <filesystem>

#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;

namespace {

struct FakeRoot {
  test::TemporaryDirectory directory;

  FakeRoot() {
    file("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:  1 kB\n");
    file("/proc/self/cgroup", "0::/\n");
  }
  void file(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(directory.path() + path).parent_path());
    test::write_text(directory.path() + path, text);
  }
  [[nodiscard]] Machine detect() const { return detect_machine(directory.path()); }
};

constexpr std::uint64_t gibibyte = 1ull << 30;

}  // namespace

TEST_CASE("without a container's limits the machine counts") {
  FakeRoot root;
  root.file("/sys/fs/cgroup/memory.max", "max\n");
  root.file("/sys/fs/cgroup/cpu.max", "max 100000\n");
  CHECK(root.detect().memory_bytes == 16 * gibibyte);
  CHECK(root.detect().cores == detect_machine("/nonexistent").cores);
}

TEST_CASE("a container's limits count, version 2") {
  FakeRoot root;
  root.file("/sys/fs/cgroup/memory.max", std::to_string(2 * gibibyte) + "\n");
  root.file("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  CHECK(root.detect().memory_bytes == 2 * gibibyte);
  CHECK(root.detect().cores == 1);
}

TEST_CASE("the tightest limit of all groups above counts") {
  FakeRoot root;
  root.file("/proc/self/cgroup", "0::/kubepods/pod1/c1\n");
  root.file("/sys/fs/cgroup/kubepods/memory.max", std::to_string(8 * gibibyte) + "\n");
  root.file("/sys/fs/cgroup/kubepods/pod1/memory.max", std::to_string(3 * gibibyte) + "\n");
  root.file("/sys/fs/cgroup/kubepods/pod1/c1/memory.max", std::to_string(5 * gibibyte) + "\n");
  CHECK(root.detect().memory_bytes == 3 * gibibyte);
}

TEST_CASE("a container's limits count, version 1") {
  FakeRoot root;
  root.file("/proc/self/cgroup", "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n");
  root.file("/sys/fs/cgroup/memory/memory.limit_in_bytes", std::to_string(gibibyte) + "\n");
  root.file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(root.detect().memory_bytes == gibibyte);
  root.file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
  CHECK(root.detect().cores == 1);
}

TEST_CASE("the host name is the container's, if it has one") {
  FakeRoot root;
  CHECK(root.detect().host_name.empty());
  root.file("/proc/sys/kernel/hostname", "engram-2\n");
  CHECK(root.detect().host_name == "engram-2");
}

TEST_CASE("the machine that runs this test has a name, cores and memory") {
  Machine machine = detect_machine();
  CHECK_FALSE(machine.host_name.empty());
  CHECK(machine.cores >= 1);
  CHECK(machine.memory_bytes > 100'000'000);
}
