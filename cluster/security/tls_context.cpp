#include "cluster/security/tls_context.h"

#include <kj/exception.h>
#include <kj/vector.h>

#include "storage/base/pem.h"

namespace engram {
namespace {

std::shared_ptr<kj::TlsContext> context_of(const TlsMaterial& material) {
  kj::TlsKeypair keypair{kj::TlsPrivateKey(kj::StringPtr(material.private_key_pem.c_str())),
                         kj::TlsCertificate(kj::StringPtr(material.certificate_chain_pem.c_str()))};
  kj::Vector<kj::TlsCertificate> authorities;
  for (const std::string& pem : pem_certificates(material.client_ca_pem))
    authorities.add(kj::StringPtr(pem.c_str()));
  kj::TlsContext::Options options;
  options.defaultKeypair = keypair;
  options.useSystemTrustStore = false;
  options.verifyClients = !material.client_ca_pem.empty();
  options.trustedCertificates = authorities;
  return std::make_shared<kj::TlsContext>(options);
}

/// "OpenSSL error; message = error:0A00018F:SSL routines::ee key too small" -> "ee key too small".
std::string reason_in(std::string description) {
  while (description.ends_with('\n')) description.pop_back();
  if (description.find("OpenSSL error") == std::string::npos) return description;
  return description.substr(description.rfind(':') + 1);
}

}  // namespace

Result<std::shared_ptr<kj::TlsContext>> make_tls_context(const TlsMaterial& material) {
  std::shared_ptr<kj::TlsContext> context;
  KJ_IF_MAYBE(refusal, kj::runCatchingExceptions([&] { context = context_of(material); })) {
    return Status(Code::invalid_argument, reason_in(refusal->getDescription().cStr()));
  }
  return context;
}

}  // namespace engram
