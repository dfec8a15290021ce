#pragma once
// What a soak run saw, for people and as JSON for scripts.

#include <string>

#include "tools/loadgen/soak.h"

namespace engram::loadgen {

/// One line.
std::string interval_text(const SoakInterval& interval);
/// One line: {"interval": {...}}. Latencies are in microseconds.
std::string interval_json(const SoakInterval& interval);

std::string summary_text(const SoakResult& result);
/// One line: {"summary": {...}}.
std::string summary_json(const SoakResult& result);

}  // namespace engram::loadgen
