#pragma once
// Certificates for tests: an authority, and what it signs.

#include <functional>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace engram::test {

/// What `write` writes, as text.
inline std::string pem_text(const std::function<void(BIO*)>& write) {
  BIO* bio = ::BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  ::BIO_free(bio);
  return text;
}

struct PemPair {
  std::string certificate, key;
};

class Authority {
 public:
  explicit Authority(const std::string& name) : key_(::EVP_EC_gen("P-256")), certificate_(::X509_new()) {
    fill(certificate_.get(), key_.get(), name, certificate_.get());
    extend(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    ::X509_sign(certificate_.get(), key_.get(), ::EVP_sha256());
  }

  [[nodiscard]] std::string pem() const { return pem_of(certificate_.get()); }

  /// A certificate for `alternative_name` ("IP:127.0.0.1", "DNS:engram.test"), with its key, which may be a given one.
  PemPair sign(const std::string& name, const std::string& alternative_name, EVP_PKEY* with = ::EVP_EC_gen("P-256")) {
    Key key(with);
    Certificate certificate(::X509_new());
    fill(certificate.get(), key.get(), name, certificate_.get());
    extend(certificate.get(), NID_subject_alt_name, alternative_name);
    ::X509_sign(certificate.get(), key_.get(), ::EVP_sha256());
    std::string key_pem = pem_text([&](BIO* bio) {
      ::PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return {pem_of(certificate.get()), key_pem};
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { ::X509_free(certificate); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using Certificate = std::unique_ptr<X509, Free>;

  void fill(X509* certificate, EVP_PKEY* key, const std::string& name, X509* issuer) {
    ::X509_set_version(certificate, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), ++serial_);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate), 3600);
    ::X509_set_pubkey(certificate, key);
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    ::X509_set_issuer_name(certificate, ::X509_get_subject_name(issuer));
  }
  static void extend(X509* certificate, int kind, const std::string& value) {
    X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
    ::X509_add_ext(certificate, extension, -1);
    ::X509_EXTENSION_free(extension);
  }
  static std::string pem_of(X509* certificate) {
    return pem_text([&](BIO* bio) { ::PEM_write_bio_X509(bio, certificate); });
  }

  Key key_;
  Certificate certificate_;
  long serial_ = 0;
};

}  // namespace engram::test
