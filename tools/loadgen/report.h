#pragma once
// The result of a run, as a table for people and as JSON for scripts.

#include <string>

#include "tools/loadgen/run.h"

namespace engram::loadgen {

/// One line a kind of call, then the floors; times in microseconds.
std::string report_text(const BenchOptions& options, const RunResult& result);
/// One object. Latencies are in microseconds: {"calls": {"get": {"latency_us": {"p50": ...}}}, "floors": ...}.
std::string report_json(const BenchOptions& options, const RunResult& result);

/// Whether any call was answered without an error.
bool has_answers(const RunResult& result);

}  // namespace engram::loadgen
