#pragma once
// What is at a path that output is to go to. Whoever removes, empties or renames files there asks first: what is there may
// be a device, a pipe, or the file that is being read.

#include <memory>
#include <string>

#include "storage/base/result.h"
#include "tools/import/atomic_file.h"

namespace engram::import {

/// Where symbolic links lead to, so that what is replaced is the file and not the link. Of the last part of the path: the
/// folders around it do not matter.
std::string behind_links(std::string path);

/// Whether something is there that is written to as it is, and never removed or replaced: what is no regular file, and
/// this program's own standard output and standard error, whatever they are.
bool is_stream(const std::string& path);
bool is_standard_output(const std::string& path);

/// Whether both lead to one file, be it there already or not. "-" leads nowhere.
bool is_same_file(const std::string& a, const std::string& b);
/// Whether what is written to `output` would be read from `input`, or takes its place. "-" is standard input here.
bool would_overwrite(const std::string& output, const std::string& input);

/// Writes behind what is there: no buffer, nothing to commit. A pipe is opened when somebody reads it.
Result<std::unique_ptr<TextOutput>> open_stream(const std::string& path);

}  // namespace engram::import
