// The one binary.

#include "storage/base/failpoint.h"
#include "tools/engram/app.h"

int main(int argc, char** argv) {
  engram::Failpoints::arm_from_environment();
  return engram::cli::run_command_line({argv + 1, argv + argc});
}
