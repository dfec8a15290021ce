#pragma once
// TLS between nodes: both ends show a certificate of the cluster's authority, and it has to be for the node that they are.

#include <cstdint>
#include <memory>
#include <string>

#include <kj/async-io.h>
#include <kj/compat/tls.h>

#include "cluster/security/tls_files.h"
#include "storage/base/result.h"

namespace engram {

/// Every connection gets the newest certificate. For one thread.
class NetworkTls {
 public:
  /// `certificate_name`: whom a certificate is for, with "{}" for the ordinal.
  NetworkTls(TlsFiles& files, std::string certificate_name) : files_(files), name_(std::move(certificate_name)) {}

  /// As the end that was called. Whose certificate it is has to be checked by `check_caller`, once the caller has said who
  /// it is. Rejected if the caller has none of the authority's.
  kj::Promise<kj::AuthenticatedStream> accept(kj::Own<kj::AsyncIoStream> stream);
  /// As the caller. Rejected unless the certificate is the authority's for that node.
  kj::Promise<kj::AuthenticatedStream> call(kj::Own<kj::AsyncIoStream> stream, std::uint32_t ordinal);

  /// Whether the certificate of an accepted connection is for that node: by its common name. Error: permission_denied.
  [[nodiscard]] Status check_caller(kj::PeerIdentity& identity, std::uint32_t ordinal) const;
  [[nodiscard]] std::string name_of(std::uint32_t ordinal) const;

 private:
  /// Of the newest material; throws a kj::Exception.
  void renew();

  TlsFiles& files_;
  const std::string name_;
  std::uint64_t generation_ = 0;  // of the material that the contexts were made of
  std::shared_ptr<kj::TlsContext> accepting_, calling_;
};

}  // namespace engram
