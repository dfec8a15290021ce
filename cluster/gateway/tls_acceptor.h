#pragma once
// Encrypts accepted connections, each with the newest certificate: one that is replaced on disk serves the next client.

#include <memory>

#include <kj/async-io.h>
#include <kj/compat/tls.h>

#include "cluster/security/tls_files.h"

namespace engram {

class TlsAcceptor {
 public:
  explicit TlsAcceptor(TlsFiles& files) : files_(files) {}
  /// Never throws. Fails if the client does not finish its handshake in time, or has no certificate where one is asked for.
  kj::Promise<kj::Own<kj::AsyncIoStream>> accept(kj::Own<kj::AsyncIoStream> stream, kj::Timer& timer,
                                                 std::int64_t timeout_ms);

 private:
  TlsFiles& files_;
  std::uint64_t generation_ = 0;  // of the material that the context was made of
  std::shared_ptr<kj::TlsContext> context_;
};

}  // namespace engram
