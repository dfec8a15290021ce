#pragma once
// From PEM texts to what accepts TLS connections.

#include <memory>

#include <kj/compat/tls.h>

#include "cluster/security/tls_files.h"

namespace engram {

/// What serves with `material`. Error (invalid_argument): OpenSSL's reason why it does not take it, without a file's name: a
/// key that is too short for this system's security level, a chain of more than 10 certificates.
Result<std::shared_ptr<kj::TlsContext>> make_tls_context(const TlsMaterial& material);

}  // namespace engram
