#include "tests/tools/certs/handshake.h"

#include <catch2/catch.hpp>

#include <memory>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "storage/base/pem.h"

namespace engram::test {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
  void operator()(SSL* connection) const { ::SSL_free(connection); }
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> memory_of(const std::string& text) {
  return Owned<BIO>(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Owned<X509> certificate_of(const std::string& pem) {
  auto bio = memory_of(pem);
  return Owned<X509>(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Owned<SSL_CTX> context_of(const TlsMaterial& material, const SSL_METHOD* method) {
  Owned<SSL_CTX> context(::SSL_CTX_new(method));
  auto key_text = memory_of(material.private_key_pem);
  Owned<EVP_PKEY> key(::PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  REQUIRE(::SSL_CTX_use_certificate(context.get(), certificate_of(material.certificate_chain_pem).get()) == 1);
  REQUIRE(::SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
  auto chain = pem_certificates(material.certificate_chain_pem);
  for (std::size_t i = 1; i < chain.size(); ++i)
    REQUIRE(::SSL_CTX_add1_chain_cert(context.get(), certificate_of(chain[i]).get()) == 1);
  for (const auto& authority : pem_certificates(material.client_ca_pem))
    REQUIRE(::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context.get()), certificate_of(authority).get()) == 1);
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

/// Both ends over a pair of buffers.
struct Ends {
  Owned<SSL> server, client;
  std::string failure;

  /// False: it failed, or waits for the other end.
  bool step(SSL* end, int done) {
    if (done == 1) return true;
    int why = ::SSL_get_error(end, done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE || !failure.empty()) return false;
    auto verdict = ::SSL_get_verify_result(end);
    const char* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
    failure = verdict != X509_V_OK ? ::X509_verify_cert_error_string(verdict) : reason != nullptr ? reason : "unknown";
    ::ERR_clear_error();
    return false;
  }
  bool shake_hands() {
    for (int turn = 0; turn < 20 && failure.empty(); ++turn) {
      bool client_done = step(client.get(), ::SSL_do_handshake(client.get()));
      bool server_done = step(server.get(), ::SSL_do_handshake(server.get()));
      if (client_done && server_done) return true;
    }
    return false;
  }
  bool sends(SSL* from, SSL* to) {
    char got = 0;
    return step(from, ::SSL_write(from, "x", 1)) && step(to, ::SSL_read(to, &got, 1)) && got == 'x';
  }
};

void expect_host(SSL* client, const std::string& host) {
  auto* expected = ::SSL_get0_param(client);
  if (::X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) != 1)
    REQUIRE(::X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size()) == 1);
}

}  // namespace

std::string connect_mutually(const TlsMaterial& server, const TlsMaterial& client, const std::string& host) {
  ::ERR_clear_error();
  auto server_context = context_of(server, ::TLS_server_method());
  auto client_context = context_of(client, ::TLS_client_method());
  Ends ends{Owned<SSL>(::SSL_new(server_context.get())), Owned<SSL>(::SSL_new(client_context.get())), {}};
  BIO *server_side = nullptr, *client_side = nullptr;
  REQUIRE(::BIO_new_bio_pair(&server_side, 0, &client_side, 0) == 1);
  ::SSL_set_bio(ends.server.get(), server_side, server_side);
  ::SSL_set_bio(ends.client.get(), client_side, client_side);
  ::SSL_set_accept_state(ends.server.get());
  ::SSL_set_connect_state(ends.client.get());
  expect_host(ends.client.get(), host);
  ::ERR_clear_error();
  // In TLS 1.3 the client is done before the server has judged its certificate: only an answer shows that it was let in.
  bool connected = ends.shake_hands() && ends.sends(ends.client.get(), ends.server.get()) &&
                   ends.sends(ends.server.get(), ends.client.get());
  return connected ? "" : ends.failure.empty() ? "no end of it" : ends.failure;
}

}  // namespace engram::test
