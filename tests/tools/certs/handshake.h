#pragma once
// Two ends of a TLS connection in memory.

#include <string>

#include "cluster/security/tls_files.h"

namespace engram::test {

/// Both ends show their certificate and check the other's by the authorities in their `client_ca_pem`; the client also
/// wants the server to be `host`, a name or an IP address. Empty: they are connected, and a message came through each way.
/// Else why not.
std::string connect_mutually(const TlsMaterial& server, const TlsMaterial& client, const std::string& host);

}  // namespace engram::test
