// The main function of every test program.

#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdio>

#include "tests/support/skip.h"

namespace engram::test {
namespace {

constexpr int skipped_exit_code = 77;  // as in cmake/EngramTargets.cmake

std::size_t cases_run = 0, cases_skipped = 0;

/// Counts the cases, which the session does not tell.
struct CaseCounter : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseEnded(const Catch::TestCaseStats&) override { ++cases_run; }
};
CATCH_REGISTER_LISTENER(CaseCounter)

}  // namespace

void skip_case(const std::string& why) {
  ++cases_skipped;
  std::printf("skipped: %s: %s\n", Catch::getResultCapture().getCurrentTestName().c_str(), why.c_str());
  std::fflush(stdout);
}

}  // namespace engram::test

int main(int argc, char** argv) {
  // Catch answers how many cases failed: as many as would mean something else have to stay a failure.
  if (Catch::Session().run(argc, argv) != 0) return 1;
  using namespace engram::test;
  return cases_skipped > 0 && cases_skipped == cases_run ? skipped_exit_code : 0;
}
