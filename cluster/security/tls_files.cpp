#include "cluster/security/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <limits>
#include <vector>

#include "cluster/security/tls_context.h"

namespace engram {
namespace {

constexpr std::size_t max_pem_bytes = 1 << 20;

struct OpensslDeleter {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, OpensslDeleter>;
using Certificates = std::vector<Owned<X509>>;

/// The last reason OpenSSL gave; empties its queue.
std::string openssl_reason() {
  unsigned long error = ::ERR_peek_last_error();
  const char* reason = ::ERR_reason_error_string(error);
  ::ERR_clear_error();
  return reason == nullptr ? "malformed" : reason;
}

Status bad_file(const std::string& path, const std::string& what) {
  return {Code::invalid_argument, path + ": " + what};
}

Owned<BIO> memory_of(const std::string& text) {
  return Owned<BIO>(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<Certificates> parse_certificates(const std::string& pem, const std::string& path) {
  Owned<BIO> bio = memory_of(pem);
  Certificates certificates;
  ::ERR_clear_error();
  while (X509* certificate = ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    certificates.emplace_back(certificate);
  bool clean_end = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  std::string reason = openssl_reason();
  if (!clean_end)
    return bad_file(path, "certificate " + std::to_string(certificates.size() + 1) + " is broken (" + reason + ")");
  if (certificates.empty()) return bad_file(path, "there is no PEM certificate in it (-----BEGIN CERTIFICATE-----)");
  return certificates;
}

/// Refuses to ask for a passphrase on the terminal of a server.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<Owned<EVP_PKEY>> parse_key(const std::string& pem, const std::string& path) {
  Owned<BIO> bio = memory_of(pem);
  bool encrypted = false;
  Owned<EVP_PKEY> key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &encrypted));
  std::string reason = openssl_reason();
  if (encrypted) return bad_file(path, "the private key is encrypted: store it without a passphrase, with mode 600");
  if (!key) return bad_file(path, "there is no PEM private key in it (" + reason + ")");
  return key;
}

std::int64_t expiry_ns(const Certificates& certificates) {
  std::int64_t earliest_ns = std::numeric_limits<std::int64_t>::max();
  for (const Owned<X509>& certificate : certificates) {
    std::tm utc{};
    if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate.get()), &utc) != 1) continue;
    std::int64_t seconds = ::timegm(&utc);
    if (seconds < earliest_ns / 1'000'000'000) earliest_ns = seconds * 1'000'000'000;
  }
  return earliest_ns;
}

Status check_pair(const Certificates& chain, EVP_PKEY* key, const TlsPaths& paths) {
  if (::X509_check_private_key(chain.front().get(), key) == 1) return {};
  ::ERR_clear_error();
  return bad_file(paths.key, "the key does not belong to the first certificate of " + paths.certificate);
}

/// Makes what the material is for: OpenSSL refuses some of what it can parse.
Status check_use(const TlsMaterial& material, const TlsPaths& paths) {
  auto context = make_tls_context(material);
  if (context.ok()) return {};
  return bad_file(paths.certificate, "OpenSSL refuses to serve with it (" + context.status().message() +
                                         "): an RSA key has to have 2048 bits at least, a chain at most 10 certificates");
}

/// The texts, of which nothing is known yet.
Result<TlsMaterial> read_texts(const TlsPaths& paths) {
  Result<FileText> chain = read_public_file(paths.certificate, "the certificate file", max_pem_bytes);
  if (!chain.ok()) return chain.status();
  Result<FileText> key = read_secret_file(paths.key, "the key file", max_pem_bytes);
  if (!key.ok()) return key.status();
  TlsMaterial material;
  material.certificate_chain_pem = std::move(chain->text);
  material.private_key_pem = std::move(key->text);
  if (paths.client_ca.empty()) return material;
  Result<FileText> authorities = read_public_file(paths.client_ca, "the file of client authorities", max_pem_bytes);
  if (!authorities.ok()) return authorities.status();
  material.client_ca_pem = std::move(authorities->text);
  return material;
}

/// Checks the texts, and finds out when they expire.
Status check_texts(TlsMaterial& material, const TlsPaths& paths, const Clock& clock) {
  Result<Certificates> chain = parse_certificates(material.certificate_chain_pem, paths.certificate);
  if (!chain.ok()) return chain.status();
  Result<Owned<EVP_PKEY>> key = parse_key(material.private_key_pem, paths.key);
  if (!key.ok()) return key.status();
  if (Status status = check_pair(*chain, (*key).get(), paths); !status.ok()) return status;
  material.not_after_ns = expiry_ns(*chain);
  if (material.not_after_ns <= clock.wall_ns())
    return bad_file(paths.certificate, "the certificate has expired: renew it");
  if (!paths.client_ca.empty()) {
    Result<Certificates> authorities = parse_certificates(material.client_ca_pem, paths.client_ca);
    if (!authorities.ok()) return authorities.status();
  }
  return check_use(material, paths);
}

}  // namespace

Result<TlsMaterial> load_tls_files(const TlsPaths& paths, const Clock& clock) {
  Result<TlsMaterial> material = read_texts(paths);
  if (!material.ok()) return material;
  if (Status status = check_texts(*material, paths, clock); !status.ok()) return status;
  return material;
}

TlsFiles::Versions TlsFiles::versions() const {
  return {file_version(paths_.certificate), file_version(paths_.key),
          paths_.client_ca.empty() ? FileVersion() : file_version(paths_.client_ca)};
}

Result<std::unique_ptr<TlsFiles>> TlsFiles::open(TlsPaths paths, const Clock& clock) {
  std::unique_ptr<TlsFiles> files(new TlsFiles(std::move(paths), clock));
  if (Status status = files->reload(); !status.ok()) return status;
  return files;
}

std::shared_ptr<const TlsMaterial> TlsFiles::current() const {
  return std::atomic_load(&current_);
}

Status TlsFiles::reload() {
  // Taken before reading: what changes meanwhile is seen the next time.
  Versions now = versions();
  Result<TlsMaterial> material = read_texts(paths_);
  if (!material.ok()) {
    // What could not be read was not seen: `seen_` stays, and the next look tries again.
    unread_ = material.status().message();
    return material.status();
  }
  unread_.clear();
  seen_ = now;
  if (Status status = check_texts(*material, paths_, clock_); !status.ok()) return status;
  if (auto before = current()) material->generation = before->generation + 1;
  std::atomic_store(&current_, std::make_shared<const TlsMaterial>(std::move(*material)));
  return {};
}

Result<bool> TlsFiles::reload_if_changed() {
  if (versions() == seen_) return false;
  const std::string said = unread_;
  Status status = reload();
  if (status.ok()) return true;
  if (!unread_.empty() && unread_ == said) return false;
  return status;
}

}  // namespace engram
