#include "cluster/gateway/tls_acceptor.h"

namespace engram {

struct TlsAcceptor::Context {
  explicit Context(const TlsMaterial& material)
      : keypair{kj::TlsPrivateKey(kj::StringPtr(material.private_key_pem.c_str())),
                kj::TlsCertificate(kj::StringPtr(material.certificate_chain_pem.c_str()))},
        tls(make(keypair, material)) {}

  static kj::Own<kj::TlsContext> make(const kj::TlsKeypair& keypair, const TlsMaterial& material) {
    kj::TlsContext::Options options;
    options.defaultKeypair = keypair;
    options.useSystemTrustStore = false;
    if (material.client_ca_pem.empty()) return kj::heap<kj::TlsContext>(options);
    kj::TlsCertificate authority(kj::StringPtr(material.client_ca_pem.c_str()));
    options.verifyClients = true;
    options.trustedCertificates = kj::arrayPtr(&authority, 1);
    return kj::heap<kj::TlsContext>(options);
  }

  kj::TlsKeypair keypair;
  kj::Own<kj::TlsContext> tls;
};

kj::Promise<kj::Own<kj::AsyncIoStream>> TlsAcceptor::accept(kj::Own<kj::AsyncIoStream> stream, kj::Timer& timer,
                                                            std::int64_t timeout_ms) {
  auto material = files_.current();
  if (context_ == nullptr || material->generation != generation_) {
    generation_ = material->generation;
    context_ = std::make_shared<Context>(*material);
  }
  std::shared_ptr<Context> context = context_;
  auto handshake = context->tls->wrapServer(kj::mv(stream));
  return timer.timeoutAfter(timeout_ms * kj::MILLISECONDS, kj::mv(handshake))
      .then([context = std::move(context)](kj::Own<kj::AsyncIoStream> encrypted) mutable {
        return encrypted.attach(kj::mv(context));
      });
}

}  // namespace engram
