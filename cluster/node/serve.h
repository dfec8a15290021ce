#pragma once
// A node as a process: signals, logging, exit code. What it is made of is in node.h.

#include <functional>

#include "cluster/config/load.h"

namespace engram {

/// Runs an engine until SIGTERM or SIGINT. Returns the process's exit code: 0 after a clean stop, 1 if it could not start, or
/// not stop in order and in time, and `report` got the reason. SIGHUP reloads tokens and certificates. Does not return where
/// the end cannot be waited for: at a signal before clients can connect (0), when `shutdown.timeout_ms` is over and something
/// hangs (1).
int serve_main(const LoadedConfig& loaded, const std::function<void(const Status&)>& report);

}  // namespace engram
