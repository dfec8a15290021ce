#pragma once
// Keys and certificates, by OpenSSL: made, written as PEM and read again. EC keys on P-256, SHA-256 signatures.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "storage/base/random.h"
#include "storage/base/result.h"

namespace engram::certs {

struct OpensslDeleter {
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, OpensslDeleter>;
using Certificate = std::unique_ptr<X509, OpensslDeleter>;

/// What a certificate is good for. Others than these are `other`: what somebody else made.
enum class Use { authority, node, server, client, other };

struct Request {
  Use use = Use::node;
  std::string common_name;         // at most 64 bytes
  std::vector<std::string> names;  // of hosts, as host_of answers them
  std::int64_t not_before_s = 0;   // since 1970, UTC
  std::int64_t not_after_s = 0;
};

/// Who signs; both outlive the call.
struct Signer {
  X509* certificate;
  EVP_PKEY* key;
};

// Errors (internal): OpenSSL does not do it, with its reason.
Result<Key> make_key();
/// A certificate for `key`, with a serial number of 128 random bits. `signer` null: it signs itself.
Result<Certificate> make_certificate(const Request& request, EVP_PKEY& key, const Signer* signer, Random& random);
Result<std::string> certificate_pem(X509& certificate);
Result<std::string> key_pem(EVP_PKEY& key);

// Errors (invalid_argument) name `path`, which is for messages only.
/// All that are in the text, one at least.
Result<std::vector<Certificate>> parse_certificates(const std::string& pem, const std::string& path);
Result<Key> parse_key(const std::string& pem, const std::string& path);

/// Whether `key` is that of the certificate.
bool belongs_to(EVP_PKEY& key, X509& certificate);
/// Whether the key of `authority` signed it.
bool is_signed_by(X509& certificate, X509& authority);

}  // namespace engram::certs
