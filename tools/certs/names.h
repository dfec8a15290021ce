#pragma once
// Names of certificates: what may be a file's name, and what may stand in a certificate for a host.

#include <string>
#include <vector>

#include "storage/base/result.h"

namespace engram::certs {

/// Longest common name that X.509 allows.
constexpr std::size_t max_name_bytes = 64;

/// Whether `name` can be the name of files in the authority's directory: letters, digits, dot, underscore and hyphen, not
/// hidden, no option, and not the authority's own.
Status check_name(const std::string& name);

/// A host's name in lower case, or an IP address in its shortest form. A name may begin with "*." for any one label. Error
/// (invalid_argument): it is neither.
Result<std::string> host_of(const std::string& text);

/// "DNS:db.example" or "IP:10.0.0.1", as OpenSSL reads it. `host`: what host_of answered.
std::string alternative_name(const std::string& host);

/// Those of `more` that are not in `names` yet are put behind them.
void add_missing(std::vector<std::string>& names, const std::vector<std::string>& more);

}  // namespace engram::certs
