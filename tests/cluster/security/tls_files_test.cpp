#include "cluster/security/tls_files.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <filesystem>

#include "tests/support/certificates.h"
#include "tests/support/no_files_left.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;
using Catch::Contains;

namespace {

/// A self-signed certificate and its key.
struct Pair {
  std::string certificate, key, encrypted_key;

  explicit Pair(long valid_seconds = 3600, EVP_PKEY* pkey = ::EVP_EC_gen("P-256")) {
    X509* x509 = ::X509_new();
    ::ASN1_INTEGER_set(::X509_get_serialNumber(x509), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(x509), -7200);
    ::X509_gmtime_adj(::X509_getm_notAfter(x509), valid_seconds);
    ::X509_set_pubkey(x509, pkey);
    X509_NAME* name = ::X509_get_subject_name(x509);
    ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("engram"), -1, -1, 0);
    ::X509_set_issuer_name(x509, name);
    ::X509_sign(x509, pkey, ::EVP_sha256());
    certificate = test::pem_text([&](BIO* bio) { ::PEM_write_bio_X509(bio, x509); });
    key = test::pem_text([&](BIO* bio) { ::PEM_write_bio_PrivateKey(bio, pkey, nullptr, nullptr, 0, nullptr, nullptr); });
    encrypted_key = test::pem_text([&](BIO* bio) {
      ::PEM_write_bio_PrivateKey(bio, pkey, ::EVP_aes_128_cbc(), reinterpret_cast<const unsigned char*>("secret"), 6,
                                 nullptr, nullptr);
    });
    ::X509_free(x509);
    ::EVP_PKEY_free(pkey);
  }
};

struct Setup {
  test::TemporaryDirectory directory;
  SystemClock clock;
  TlsPaths paths{directory / "tls.crt", directory / "tls.key", {}};

  void write(const std::string& certificate, const std::string& key, mode_t key_mode = 0600) {
    test::write_text(paths.certificate, certificate);
    test::write_text(paths.key, key);
    ::chmod(paths.key.c_str(), key_mode);
  }
  Status refusal() {
    Result<TlsMaterial> material = load_tls_files(paths, clock);
    REQUIRE_FALSE(material.ok());
    return material.status();
  }
};

}  // namespace

TEST_CASE("a certificate and its key are read as they are") {
  Setup setup;
  Pair pair;
  setup.write(pair.certificate, pair.key);
  Result<TlsMaterial> material = load_tls_files(setup.paths, setup.clock);
  INFO(material.status().message());
  REQUIRE(material.ok());
  CHECK(material->certificate_chain_pem == pair.certificate);
  CHECK(material->private_key_pem == pair.key);
  CHECK(material->client_ca_pem.empty());
  double hours_left = static_cast<double>(material->not_after_ns - setup.clock.wall_ns()) / 3.6e12;
  CHECK(hours_left == Approx(1).margin(0.01));
}

TEST_CASE("a chain has the expiry of the certificate that expires first") {
  Setup setup;
  Pair leaf(7200), intermediate(1800);
  setup.write(leaf.certificate + intermediate.certificate, leaf.key);
  Result<TlsMaterial> material = load_tls_files(setup.paths, setup.clock);
  REQUIRE(material.ok());
  CHECK(static_cast<double>(material->not_after_ns - setup.clock.wall_ns()) / 1e9 == Approx(1800).margin(60));
}

TEST_CASE("files that do not fit are refused with file and reason") {
  Setup setup;
  Pair pair, other;
  CHECK_THAT(setup.refusal().message(), Contains("tls.crt cannot be opened"));
  setup.write(pair.certificate, other.key);
  CHECK_THAT(setup.refusal().message(), Contains("tls.key: the key does not belong to the first certificate"));
  setup.write("nonsense", pair.key);
  CHECK_THAT(setup.refusal().message(), Contains("tls.crt: there is no PEM certificate"));
  setup.write(pair.certificate, "nonsense");
  CHECK_THAT(setup.refusal().message(), Contains("tls.key: there is no PEM private key"));
  setup.write(pair.certificate, pair.encrypted_key);
  CHECK_THAT(setup.refusal().message(), Contains("tls.key: the private key is encrypted"));
  setup.write(pair.certificate + pair.certificate.substr(0, pair.certificate.size() / 2), pair.key);
  CHECK_THAT(setup.refusal().message(), Contains("tls.crt: certificate 2 is broken"));
  Pair expired(-60);
  setup.write(expired.certificate, expired.key);
  CHECK_THAT(setup.refusal().message(), Contains("has expired"));
  setup.write(pair.certificate, pair.key, 0644);
  CHECK(setup.refusal().code() == Code::permission_denied);
  CHECK_THAT(setup.refusal().message(), Contains("tls.key") && Contains("chmod 600"));
  setup.write(pair.certificate, pair.key);
  setup.paths.client_ca = setup.directory / "ca.crt";
  CHECK_THAT(setup.refusal().message(), Contains("ca.crt cannot be opened"));
  test::write_text(setup.paths.client_ca, pair.key);
  CHECK_THAT(setup.refusal().message(), Contains("ca.crt: there is no PEM certificate"));
}

TEST_CASE("what OpenSSL parses but does not serve with is refused, at the start and as a renewal") {
  Setup setup;
  Pair good, weak(3600, ::EVP_RSA_gen(512));
  std::string long_chain;
  for (int i = 0; i < 12; ++i) long_chain += good.certificate;

  setup.write(weak.certificate, weak.key);
  CHECK_THAT(setup.refusal().message(), Contains("tls.crt: OpenSSL refuses to serve with it (ee key too small)"));
  setup.write(long_chain, good.key);
  CHECK_THAT(setup.refusal().message(), Contains("tls.crt: OpenSSL refuses to serve with it (") && Contains("10"));

  setup.write(good.certificate, good.key);
  auto files = TlsFiles::open(setup.paths, setup.clock).value();
  setup.write(weak.certificate, weak.key);
  CHECK_FALSE(files->reload_if_changed().ok());
  CHECK(files->current()->certificate_chain_pem == good.certificate);
  CHECK(files->current()->generation == 1);
}

TEST_CASE("a file of client authorities may hold any number of them") {
  Setup setup;
  Pair pair;
  setup.write(pair.certificate, pair.key);
  setup.paths.client_ca = setup.directory / "ca.crt";
  std::string authorities;
  for (int i = 0; i < 12; ++i) authorities += "Number " + std::to_string(i) + "\n" + Pair().certificate;
  test::write_text(setup.paths.client_ca, authorities);
  Result<TlsMaterial> material = load_tls_files(setup.paths, setup.clock);
  INFO(material.status().message());
  CHECK(material.ok());
}

TEST_CASE("a renewed certificate is taken, a broken renewal is not") {
  Setup setup;
  Pair first, second, third;
  setup.write(first.certificate, first.key);
  setup.paths.client_ca = setup.directory / "ca.crt";
  test::write_text(setup.paths.client_ca, third.certificate);
  auto files = TlsFiles::open(setup.paths, setup.clock).value();
  CHECK(files->current()->client_ca_pem == third.certificate);
  CHECK_FALSE(files->reload_if_changed().value());

  setup.write(second.certificate, first.key);  // halfway through a renewal
  CHECK_FALSE(files->reload_if_changed().ok());
  CHECK_FALSE(files->reload_if_changed().value());
  CHECK(files->current()->certificate_chain_pem == first.certificate);

  setup.write(second.certificate, second.key);
  CHECK(files->reload_if_changed().value());
  CHECK(files->current()->certificate_chain_pem == second.certificate);
  CHECK(files->current()->generation == 2);
}

TEST_CASE("a renewal is not lost when its files cannot be read: they are tried again, and the failure is told once") {
  Setup setup;
  Pair first, second;
  setup.write(first.certificate, first.key);
  auto files = TlsFiles::open(setup.paths, setup.clock).value();
  setup.write(second.certificate, second.key);
  {
    test::NoFilesLeft none;
    CHECK_FALSE(files->reload_if_changed().ok());
    CHECK_FALSE(files->reload_if_changed().value());
    CHECK_FALSE(files->reload().ok());  // who asks for it is told again
  }
  CHECK(files->current()->certificate_chain_pem == first.certificate);
  CHECK(files->reload_if_changed().value());
  CHECK(files->current()->certificate_chain_pem == second.certificate);
  CHECK(files->current()->generation == 2);

  setup.write(first.certificate, second.key);  // does not fit, and is told once
  CHECK_FALSE(files->reload_if_changed().ok());
  CHECK_FALSE(files->reload_if_changed().value());
  CHECK(files->reload().code() == Code::invalid_argument);
}

TEST_CASE("a swapped link, as Kubernetes replaces secrets, is seen") {
  Setup setup;
  Pair first, second;
  for (const auto& [name, pair] : {std::pair("1", &first), std::pair("2", &second)}) {
    std::filesystem::create_directory(setup.directory / name);
    setup.paths = {setup.directory / name + "/tls.crt", setup.directory / name + "/tls.key", {}};
    setup.write(pair->certificate, pair->key);
  }
  std::filesystem::create_symlink("1", setup.directory / "data");
  setup.paths = {setup.directory / "data/tls.crt", setup.directory / "data/tls.key", {}};
  auto files = TlsFiles::open(setup.paths, setup.clock).value();
  std::filesystem::create_symlink("2", setup.directory / "new");
  std::filesystem::rename(setup.directory / "new", setup.directory / "data");
  CHECK(files->reload_if_changed().value());
  CHECK(files->current()->certificate_chain_pem == second.certificate);
}
