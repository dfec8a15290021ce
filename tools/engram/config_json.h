#pragma once
// The configuration for `engram --json serve --print-config`.

#include "cluster/config/load.h"
#include "tools/engram/json.h"

namespace engram::cli {

/// {"listen": {"address": {"value": "127.0.0.1:9470", "origin": "default"}, ...}, ...}. Switches and numbers are JSON's own;
/// all else is text as a file would have it ("64MiB", "30s").
Json to_json(const LoadedConfig& loaded);

}  // namespace engram::cli
