#include "cluster/config/endpoint.h"

#include <arpa/inet.h>

#include <charconv>

namespace engram {
namespace {

Status malformed(std::string_view text, const char* what) {
  return {Code::invalid_argument,
          "\"" + std::string(text) + "\" " + what + "; write host:port, for example 127.0.0.1:9470 or [::1]:9470"};
}

}  // namespace

std::string Endpoint::text() const {
  bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool Endpoint::loopback() const {
  if (host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool Endpoint::all_interfaces() const { return host == "0.0.0.0" || host == "::"; }

bool Endpoint::ip_address() const {
  in_addr v4{};
  in6_addr v6{};
  return ::inet_pton(AF_INET, host.c_str(), &v4) == 1 || ::inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed(text, "has no port");
  std::string_view host = text.substr(0, colon);
  std::string_view port_text = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    in6_addr v6{};
    if (::inet_pton(AF_INET6, std::string(host).c_str(), &v6) != 1) return malformed(text, "is no IPv6 address");
  } else if (host.find(':') != std::string_view::npos) {
    return malformed(text, "has more than one colon; an IPv6 address needs brackets");
  }
  if (host.empty()) return malformed(text, "has no host (0.0.0.0 means all interfaces)");
  if (host.find_first_of(" \t\"/[]") != std::string_view::npos) return malformed(text, "is no host and port");
  std::uint16_t port = 0;
  auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (port_text.empty() || error != std::errc() || end != port_text.data() + port_text.size())
    return malformed(text, "has no port from 0 to 65535");
  return Endpoint{std::string(host), port};
}

}  // namespace engram
