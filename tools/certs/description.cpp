#include "tools/certs/description.h"

#include <arpa/inet.h>

#include <ctime>

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include "tools/import/timestamp_text.h"

namespace engram::certs {
namespace {

struct PartDeleter {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(BIGNUM* number) const { ::BN_free(number); }
  void operator()(GENERAL_NAMES* names) const { ::GENERAL_NAMES_free(names); }
  void operator()(char* text) const { OPENSSL_free(text); }
};
template <typename T>
using Owned = std::unique_ptr<T, PartDeleter>;

constexpr std::int64_t day_s = 86'400;

template <typename Print>
std::string printed(Print print) {
  Owned<BIO> bio(::BIO_new(::BIO_s_mem()));
  if (!bio) return {};
  print(bio.get());
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string name_text(const X509_NAME* name) {
  // Text beyond ASCII as it is, not as hexadecimal numbers.
  constexpr unsigned long form = (XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  return printed([&](BIO* bio) { ::X509_NAME_print_ex(bio, name, 0, form); });
}

std::string alternative_text(GENERAL_NAME* name) {
  int kind = 0;
  const void* value = ::GENERAL_NAME_get0_value(name, &kind);
  if (kind == GEN_IPADD) {
    const auto* address = static_cast<const ASN1_OCTET_STRING*>(value);
    int size = ::ASN1_STRING_length(address);
    char text[INET6_ADDRSTRLEN];
    if (size == 4 && ::inet_ntop(AF_INET, ::ASN1_STRING_get0_data(address), text, sizeof text) != nullptr) return text;
    if (size == 16 && ::inet_ntop(AF_INET6, ::ASN1_STRING_get0_data(address), text, sizeof text) != nullptr) return text;
  }
  auto text = printed([&](BIO* bio) { ::GENERAL_NAME_print(bio, name); });
  return kind == GEN_DNS && text.starts_with("DNS:") ? text.substr(4) : text;
}

std::vector<std::string> names_of(X509& certificate) {
  std::vector<std::string> texts;
  Owned<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i)
    texts.push_back(alternative_text(sk_GENERAL_NAME_value(names.get(), i)));
  return texts;
}

Use use_of(X509& certificate) {
  if ((::X509_get_extension_flags(&certificate) & EXFLAG_CA) != 0) return Use::authority;
  switch (::X509_get_extended_key_usage(&certificate)) {
    case XKU_SSL_SERVER | XKU_SSL_CLIENT: return Use::node;
    case XKU_SSL_SERVER: return Use::server;
    case XKU_SSL_CLIENT: return Use::client;
    default: return Use::other;
  }
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm utc{};
  return ::ASN1_TIME_to_tm(time, &utc) == 1 ? static_cast<std::int64_t>(::timegm(&utc)) : 0;
}

std::string serial_text(X509& certificate) {
  Owned<BIGNUM> number(::ASN1_INTEGER_to_BN(::X509_get0_serialNumber(&certificate), nullptr));
  Owned<char> text(number ? ::BN_bn2hex(number.get()) : nullptr);
  return text ? text.get() : "";
}

std::string fingerprint_text(X509& certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (::X509_digest(&certificate, ::EVP_sha256(), digest, &size) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    constexpr const char* digits = "0123456789ABCDEF";
    if (i != 0) text += ':';
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 15];
  }
  return text;
}

}  // namespace

Description describe(X509& certificate) {
  return {.use = use_of(certificate),
          .subject = name_text(::X509_get_subject_name(&certificate)),
          .issuer = name_text(::X509_get_issuer_name(&certificate)),
          .names = names_of(certificate),
          .not_before_s = seconds_of(::X509_get0_notBefore(&certificate)),
          .not_after_s = seconds_of(::X509_get0_notAfter(&certificate)),
          .serial = serial_text(certificate),
          .fingerprint = fingerprint_text(certificate)};
}

bool has_expired(const Description& description, std::int64_t now_s) { return description.not_after_s <= now_s; }

std::int64_t days_left(const Description& description, std::int64_t now_s) {
  std::int64_t left_s = description.not_after_s - now_s;
  return left_s / day_s - (left_s % day_s < 0 ? 1 : 0);
}

const char* use_name(Use use) {
  switch (use) {
    case Use::authority: return "authority";
    case Use::node: return "node";
    case Use::server: return "server";
    case Use::client: return "client";
    case Use::other: return "other";
  }
  return "other";
}

std::string time_text(std::int64_t seconds) {
  // Beyond what nanoseconds hold (the year 2262) "no end" is as good: RFC 5280 has the year 9999 for it.
  constexpr std::int64_t last_s = 9'223'372'036;
  if (seconds > last_s) return "after 2262";
  if (seconds < -last_s) return "before 1677";
  std::string text;
  import::append_timestamp(text, seconds * 1'000'000'000);
  return text;
}

}  // namespace engram::certs
