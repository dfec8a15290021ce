#pragma once
// Tests that this machine does not let us run.

#include <string>

namespace engram::test {

/// Says on standard output that the running test case is skipped, and why; the case has to return then. A program whose cases were
/// all skipped ends with a code of its own, which ctest counts as skipped (SKIP_RETURN_CODE in cmake). tools/test tells every case.
void skip_case(const std::string& why);

}  // namespace engram::test
