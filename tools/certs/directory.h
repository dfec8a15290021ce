#pragma once
// The directory of an authority, and how files get into it: whole, with their mode from the first byte on, or not at all.
//
//   ca.pem         the authority's certificate: nodes and clients trust it
//   ca.key         its private key, mode 0400: stays here
//   NAME.pem       a certificate that it signed
//   NAME.key       its private key, mode 0400
//   .FILE.new      a file that is being written; after a crash it may stay, and the next command removes it
//
// No NAME begins with a dot.

#include <sys/types.h>

#include <string>
#include <vector>

#include "storage/base/descriptor.h"
#include "storage/base/result.h"

namespace engram::certs {

struct NewFile {
  std::string name;
  std::string text;
  mode_t mode;  // the umask may take bits away, and nothing adds any
};

/// Held by one command at a time: others wait till this object goes.
class Directory {
 public:
  /// Makes it, for its owner alone, if it is not there; above it, everything has to be there.
  static Result<Directory> make(const std::string& path);
  /// Errors (invalid_argument, permission_denied): it is not there, no directory, or one that others may write in.
  static Result<Directory> open(const std::string& path);

  [[nodiscard]] bool has(const std::string& name) const;
  [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  /// Writes all of them to disk, then puts them in place one after the other, in this order; a file of the same name is
  /// replaced. On an error and in a crash each name has its old file or the new one, whole. An error before the first is in
  /// place changes nothing.
  Status put(const std::vector<NewFile>& files) const;

 private:
  Directory(std::string path, Descriptor descriptor) : path_(std::move(path)), descriptor_(std::move(descriptor)) {}
  [[nodiscard]] Status write_aside(const NewFile& file) const;
  [[nodiscard]] Status put_all(const std::vector<NewFile>& files) const;

  std::string path_;
  Descriptor descriptor_;
};

}  // namespace engram::certs
