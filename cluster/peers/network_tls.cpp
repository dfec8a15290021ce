#include "cluster/peers/network_tls.h"

#include <utility>

#include <kj/debug.h>
#include <kj/vector.h>

#include "cluster/security/tls_context.h"
#include "storage/base/pem.h"

namespace engram {
namespace {

/// For the calling end: shows our certificate too. KJ checks the other's by itself after the handshake, name included, and
/// says what is wrong with it; OpenSSL, asked to check (`verifyClients`), would only say that something is.
std::shared_ptr<kj::TlsContext> calling_context(const TlsMaterial& material) {
  kj::TlsKeypair keypair{kj::TlsPrivateKey(kj::StringPtr(material.private_key_pem.c_str())),
                         kj::TlsCertificate(kj::StringPtr(material.certificate_chain_pem.c_str()))};
  kj::Vector<kj::TlsCertificate> authorities;
  for (const std::string& pem : pem_certificates(material.client_ca_pem)) authorities.add(kj::StringPtr(pem.c_str()));
  kj::TlsContext::Options options;
  options.defaultKeypair = keypair;
  options.useSystemTrustStore = false;
  options.trustedCertificates = authorities;
  return std::make_shared<kj::TlsContext>(options);
}

/// The stream keeps its context.
kj::Promise<kj::AuthenticatedStream> keeping(std::shared_ptr<kj::TlsContext> context,
                                             kj::Promise<kj::AuthenticatedStream> handshake) {
  return handshake.then([context = std::move(context)](kj::AuthenticatedStream encrypted) mutable {
    encrypted.stream = encrypted.stream.attach(std::move(context));
    return encrypted;
  });
}

kj::AuthenticatedStream unknown(kj::Own<kj::AsyncIoStream> stream) {
  return {kj::mv(stream), kj::UnknownPeerIdentity::newInstance()};
}

}  // namespace

void NetworkTls::renew() {
  auto material = files_.current();
  if (accepting_ != nullptr && material->generation == generation_) return;
  auto accepting = make_tls_context(*material);
  KJ_REQUIRE(accepting.ok(), "this node's certificate cannot be used", accepting.status().message().c_str());
  calling_ = calling_context(*material);
  accepting_ = std::move(accepting).value();
  generation_ = material->generation;
}

kj::Promise<kj::AuthenticatedStream> NetworkTls::accept(kj::Own<kj::AsyncIoStream> stream) {
  return kj::evalNow([&] {
    renew();
    return keeping(accepting_, accepting_->wrapServer(unknown(kj::mv(stream))));
  });
}

kj::Promise<kj::AuthenticatedStream> NetworkTls::call(kj::Own<kj::AsyncIoStream> stream, std::uint32_t ordinal) {
  return kj::evalNow([&] {
    renew();
    std::string expected = name_of(ordinal);
    return keeping(calling_, calling_->wrapClient(unknown(kj::mv(stream)), kj::StringPtr(expected.c_str())));
  });
}

Status NetworkTls::check_caller(kj::PeerIdentity& identity, std::uint32_t ordinal) const {
  auto& tls = kj::downcast<kj::TlsPeerIdentity>(identity);
  std::string expected = name_of(ordinal), shown;
  // Its alternative names cannot be asked for: kj-tls 0.9.2 declares `matchesHostname`, and does not define it.
  auto nameless = kj::runCatchingExceptions([&] {
    auto name = tls.getCommonName();
    shown.assign(name.begin(), name.size());
  });
  if (nameless == nullptr && shown == expected) return {};
  if (shown.empty()) shown = "nobody";
  return {Code::permission_denied,
          "Node " + std::to_string(ordinal) + " called with a certificate whose common name is " + shown + ", not " +
              expected + ". Give it the certificate that was made for it, or correct its node.ordinal.",
          "cluster.certificate"};
}

std::string NetworkTls::name_of(std::uint32_t ordinal) const {
  auto at = name_.find("{}");
  if (at == std::string::npos) return name_;
  return name_.substr(0, at) + std::to_string(ordinal) + name_.substr(at + 2);
}

}  // namespace engram
