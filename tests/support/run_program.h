#pragma once
// A program that a test runs to its end.

#include <string>
#include <vector>

namespace engram::test {

struct Ran {
  int exit_code = -1;
  std::string output;
  std::string errors;
};

/// Runs a program with its arguments and waits for its end, five minutes at most; `input` is its standard input.
Ran run_program(const std::vector<std::string>& words, const std::string& input = {});

}  // namespace engram::test
