#include "tests/history/operation.h"

namespace engram::history {

std::string describe(const Operation& operation) {
  const char* ending = operation.ending == Ending::ok ? "ok" : operation.ending == Ending::failed ? "failed" : "unknown";
  return "process " + std::to_string(operation.process) + ", " + std::to_string(operation.began_ns / 1000) + ".." +
         std::to_string(operation.ended_ns / 1000) + " us, " + ending;
}

}  // namespace engram::history
