#pragma once
// What a certificate says, as texts and numbers.

#include <cstdint>
#include <string>
#include <vector>

#include "tools/certs/x509.h"

namespace engram::certs {

struct Description {
  Use use = Use::other;
  std::string subject;             // "CN=engram-0"
  std::string issuer;
  std::vector<std::string> names;  // of hosts and addresses plain, others with their kind in front: "URI:spiffe://..."
  std::int64_t not_before_s = 0;   // since 1970, UTC
  std::int64_t not_after_s = 0;
  std::string serial;              // hexadecimal
  std::string fingerprint;         // SHA-256, "AB:CD:..."
};

/// Of any certificate, whoever made it. Nothing in it is fit for a terminal before it was made printable.
Description describe(X509& certificate);

bool has_expired(const Description& description, std::int64_t now_s);
/// Whole days until a certificate ends, rounded down: below 0 where it has expired.
std::int64_t days_left(const Description& description, std::int64_t now_s);

/// "node", "server", "client", "authority", "other".
const char* use_name(Use use);

/// "2028-05-05T10:20:30Z".
std::string time_text(std::int64_t seconds);

}  // namespace engram::certs
