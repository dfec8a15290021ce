#include "tools/certs/names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string_view>

namespace engram::certs {
namespace {

constexpr std::size_t max_host_bytes = 253;
constexpr std::size_t max_label_bytes = 63;

// Not of <cctype>: these do not depend on the locale.
bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// Empty: it is no address.
std::string address_of(const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  char shortest[INET6_ADDRSTRLEN];
  for (int family : {AF_INET, AF_INET6})
    if (::inet_pton(family, text.c_str(), bytes) == 1 && ::inet_ntop(family, bytes, shortest, sizeof shortest) != nullptr)
      return shortest;
  return {};
}

/// An underscore is allowed: names of containers have them.
bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= max_label_bytes && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; });
}

bool is_host_name(std::string_view name) {
  if (name.size() > max_host_bytes) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  while (true) {
    auto dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

Status check_name(const std::string& name) {
  auto refusal = [&](const std::string& why) { return Status(Code::invalid_argument, "the name '" + name + "' " + why); };
  if (name.empty() || name.size() > max_name_bytes)
    return refusal("has to have 1 to " + std::to_string(max_name_bytes) + " characters");
  if (!std::all_of(name.begin(), name.end(),
                   [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }))
    return refusal("may have letters, digits, dots, underscores and hyphens only");
  if (!is_letter_or_digit(name.front())) return refusal("has to begin with a letter or a digit");
  if (lower(name) == "ca") return refusal("is the authority's own: choose another");
  return {};
}

Result<std::string> host_of(const std::string& text) {
  if (auto address = address_of(text); !address.empty()) return address;
  if (is_host_name(text)) return lower(text);
  return Status(Code::invalid_argument,
                "'" + text + "' is neither a host's name nor an IP address, such as db.example or 10.0.0.1");
}

std::string alternative_name(const std::string& host) { return (address_of(host).empty() ? "DNS:" : "IP:") + host; }

void add_missing(std::vector<std::string>& names, const std::vector<std::string>& more) {
  for (const auto& name : more)
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace engram::certs
