#include "tools/certs/x509.h"

#include <array>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tools/certs/names.h"

namespace engram::certs {
namespace {

struct PartDeleter {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(BIGNUM* number) const { ::BN_free(number); }
  void operator()(X509_EXTENSION* extension) const { ::X509_EXTENSION_free(extension); }
};
template <typename T>
using Owned = std::unique_ptr<T, PartDeleter>;

constexpr std::size_t serial_bytes = 16;

/// The last reason OpenSSL gave; empties its queue.
std::string openssl_reason() {
  const char* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
  ::ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

Status failure(const std::string& what) { return {Code::internal, "OpenSSL cannot " + what + ": " + openssl_reason()}; }

bool set_serial(X509* certificate, Random& random) {
  std::array<std::byte, serial_bytes> bytes{};
  random.fill(bytes);
  Owned<BIGNUM> number(::BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), serial_bytes, nullptr));
  return number && ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(certificate)) != nullptr;
}

bool set_subject(X509* certificate, const std::string& common_name) {
  return ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(common_name.data()),
                                      static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool set_validity(X509* certificate, const Request& request) {
  return ::ASN1_TIME_set(::X509_getm_notBefore(certificate), request.not_before_s) != nullptr &&
         ::ASN1_TIME_set(::X509_getm_notAfter(certificate), request.not_after_s) != nullptr;
}

struct Extension {
  int kind;
  std::string value;
};

/// In the order in which they are added: an authority's own key identifier has to be there before it refers to itself.
std::vector<Extension> extensions_of(const Request& request) {
  bool authority = request.use == Use::authority;
  std::vector<Extension> extensions = {
      {NID_basic_constraints, authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE"},
      {NID_key_usage, authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature"},
      {NID_subject_key_identifier, "hash"},
      {NID_authority_key_identifier, "keyid:always"}};
  if (request.use == Use::node) extensions.push_back({NID_ext_key_usage, "serverAuth,clientAuth"});
  if (request.use == Use::server) extensions.push_back({NID_ext_key_usage, "serverAuth"});
  if (request.use == Use::client) extensions.push_back({NID_ext_key_usage, "clientAuth"});
  std::string names;
  for (const auto& name : request.names) names += (names.empty() ? "" : ",") + alternative_name(name);
  if (!names.empty()) extensions.push_back({NID_subject_alt_name, names});
  return extensions;
}

bool extend(X509* certificate, X509* issuer, const std::vector<Extension>& extensions) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const auto& [kind, value] : extensions) {
    Owned<X509_EXTENSION> extension(::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    if (!extension || ::X509_add_ext(certificate, extension.get(), -1) != 1) return false;
  }
  return true;
}

/// What `write` writes into memory; empty: it failed.
template <typename Write>
std::string written(Write write) {
  Owned<BIO> bio(::BIO_new(::BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return {};
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Owned<BIO> memory_of(const std::string& text) {
  return Owned<BIO>(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Asks nobody: a key with a passphrase is an error.
int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

Result<Key> make_key() {
  Key key(::EVP_EC_gen("P-256"));
  if (!key) return failure("make a key");
  return key;
}

Result<Certificate> make_certificate(const Request& request, EVP_PKEY& key, const Signer* signer, Random& random) {
  Certificate made(::X509_new());
  X509* certificate = made.get();
  X509* issuer = signer == nullptr ? certificate : signer->certificate;
  bool done = certificate != nullptr && ::X509_set_version(certificate, X509_VERSION_3) == 1 &&
              set_serial(certificate, random) && set_subject(certificate, request.common_name) &&
              ::X509_set_issuer_name(certificate, ::X509_get_subject_name(issuer)) == 1 &&
              set_validity(certificate, request) && ::X509_set_pubkey(certificate, &key) == 1 &&
              extend(certificate, issuer, extensions_of(request)) &&
              ::X509_sign(certificate, signer == nullptr ? &key : signer->key, ::EVP_sha256()) != 0;
  if (!done) return failure("make the certificate of " + request.common_name);
  return made;
}

Result<std::string> certificate_pem(X509& certificate) {
  auto pem = written([&](BIO* bio) { return ::PEM_write_bio_X509(bio, &certificate); });
  if (pem.empty()) return failure("write a certificate");
  return pem;
}

Result<std::string> key_pem(EVP_PKEY& key) {
  auto pem = written([&](BIO* bio) {
    return ::PEM_write_bio_PKCS8PrivateKey(bio, &key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  if (pem.empty()) return failure("write a key");
  return pem;
}

Result<std::vector<Certificate>> parse_certificates(const std::string& pem, const std::string& path) {
  auto bio = memory_of(pem);
  std::vector<Certificate> certificates;
  ::ERR_clear_error();
  while (X509* certificate = ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    certificates.emplace_back(certificate);
  bool clean_end = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  auto reason = openssl_reason();
  if (!clean_end)
    return Status(Code::invalid_argument, path + ": certificate " + std::to_string(certificates.size() + 1) +
                                              " is broken (" + reason + ")");
  if (certificates.empty())
    return Status(Code::invalid_argument, path + ": there is no PEM certificate in it (-----BEGIN CERTIFICATE-----)");
  return certificates;
}

Result<Key> parse_key(const std::string& pem, const std::string& path) {
  auto bio = memory_of(pem);
  Key key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  auto reason = openssl_reason();
  if (!key)
    return Status(Code::invalid_argument,
                  path + ": there is no PEM private key without a passphrase in it (" + reason + ")");
  return key;
}

bool belongs_to(EVP_PKEY& key, X509& certificate) {
  bool belongs = ::X509_check_private_key(&certificate, &key) == 1;
  ::ERR_clear_error();
  return belongs;
}

bool is_signed_by(X509& certificate, X509& authority) {
  bool is_signed = ::X509_verify(&certificate, ::X509_get0_pubkey(&authority)) == 1;
  ::ERR_clear_error();
  return is_signed;
}

}  // namespace engram::certs
