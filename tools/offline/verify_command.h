#pragma once
// `engram verify`.

#include <string>

#include "tools/engram/globals.h"

namespace engram::cli {

struct VerifyArguments {
  std::string data_dir;
  std::string archived_dir;
  std::size_t max_findings = 100;
  bool progress = false;  // also where standard error is no terminal
};

/// Exit code 0: nothing is wrong; 1: something is; 6: it could not be checked.
void run_verify(Globals& globals, const VerifyArguments& arguments);

}  // namespace engram::cli
