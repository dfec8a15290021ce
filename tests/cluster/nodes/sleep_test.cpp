// Threads that look for more work before they sleep have to sleep in the end: whoever pays for a container's processor time
// does not pay for a database that has nothing to do.

#include <fstream>
#include <sstream>

#include <unistd.h>

#include "tests/cluster/nodes/visitor.h"
#include "tests/support/wait.h"

using namespace engram;
using namespace engram::test;

namespace {

/// Processor time that a process has taken, in seconds. /proc/PID/stat, proc(5): utime and stime are its 14th and 15th fields.
double processor_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream behind_the_name(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) behind_the_name >> skipped;
  double user = 0;
  double system = 0;
  REQUIRE(behind_the_name >> user >> system);
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

TEST_CASE("nodes that have answered all their clients sleep, though these stay connected") {
  ClusterProcesses cluster(2);
  cluster.start_all();
  Visitor visitor(cluster, 1);
  Visitor other(cluster, 2);
  REQUIRE(comes_true([&] { return visitor.visits() > 100 && other.visits() > 100; }));
  visitor.rest();
  other.rest();
  pause_ms(1'000);  // what is left to do behind the answers
  constexpr std::int64_t looked_ms = 3'000;
  std::vector<double> before;
  for (unsigned node = 0; node < 2; ++node) before.push_back(processor_time(cluster.engine(node).pid()));
  pause_ms(looked_ms);
  for (unsigned node = 0; node < 2; ++node) {
    INFO("node " << node);
    CHECK(processor_time(cluster.engine(node).pid()) - before[node] < looked_ms / 1000.0 / 4);
  }
  visitor.stop();
  other.stop();
  CHECK(visitor.errors().empty());
  CHECK(other.errors().empty());
}
