// Tokens as text: the file, its entries, new tokens.
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <toml++/toml.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <set>

#include "cluster/security/token_store.h"
#include "storage/base/hex.h"

namespace engram {
namespace {

constexpr std::size_t max_name_bytes = 128;
constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr int last_year = 2261;  // later times do not fit into 64 bits of ns; "9999-12-31" means never anyway

/// A date (its first moment, UTC) or a date and time (UTC if it names no offset) as ns since the epoch.
std::optional<std::int64_t> parse_time(const toml::node& node) {
  auto days = [](const toml::date& date) {
    return std::chrono::sys_days(std::chrono::year(std::min<int>(date.year, last_year)) / date.month / date.day)
        .time_since_epoch()
        .count();
  };
  if (auto date = node.value_exact<toml::date>()) return std::int64_t{days(*date)} * 86'400 * ns_per_second;
  auto moment = node.value_exact<toml::date_time>();
  if (!moment) return std::nullopt;
  std::int64_t seconds = std::int64_t{days(moment->date)} * 86'400 + moment->time.hour * 3600 +
                         moment->time.minute * 60 + moment->time.second;
  if (moment->offset) seconds -= moment->offset->minutes * 60;
  return seconds * ns_per_second + moment->time.nanosecond;
}

class TokenFileParser {
 public:
  explicit TokenFileParser(const std::string& path) : path_(path) {}

  Result<std::vector<TokenEntry>> parse(std::string_view text) {
    try {
      toml::table table = toml::parse(text, path_);
      for (auto&& [key, node] : table)
        if (key.str() != "token" || !node.is_array_of_tables())
          return error(key.source(),
                       "unknown key " + std::string(key.str()) + ": a token file holds [[token]] entries only");
      if (const toml::array* tokens = table["token"].as_array())
        for (const toml::node& node : *tokens)
          if (Status status = take_entry(*node.as_table()); !status.ok()) return status;
    } catch (const toml::parse_error& failure) {
      return error(failure.source(), std::string(failure.description()));
    }
    return std::move(entries_);
  }

 private:
  [[nodiscard]] Status error(const toml::source_region& source, const std::string& what) const {
    return {Code::invalid_argument, path_ + ":" + std::to_string(source.begin.line) + ": " + what};
  }

  Status take_entry(const toml::table& table) {
    TokenEntry entry;
    for (auto&& [key, node] : table)
      if (Status status = take_key(entry, key, node); !status.ok()) return status;
    for (const char* needed : {"name", "sha256", "role"})
      if (!table.contains(needed)) return error(table.source(), std::string("a token without ") + needed);
    if (!names_.insert(entry.name).second)
      return error(table.source(), "a second token has the name \"" + entry.name + "\": names must differ");
    if (!digests_.insert(entry.digest).second)
      return error(table.source(), "the token \"" + entry.name + "\" has the hash of another one");
    entries_.push_back(std::move(entry));
    return {};
  }

  Status take_key(TokenEntry& entry, const toml::key& key, const toml::node& node) const {
    std::string_view name = key.str();
    std::optional<std::string> text = node.value_exact<std::string>();
    if (name == "name") return take_name(entry, key, text);
    if (name == "spaces") return take_spaces(entry, key, node);
    if (name == "sha256") {
      if (!parse_hex(text.value_or(""), entry.digest))
        return error(key.source(), "sha256 must be the 64 hex digits of a SHA-256");
    } else if (name == "role") {
      std::optional<Role> role = role_named(text.value_or(""));
      if (!role) return error(key.source(), "role must be \"read\", \"write\" or \"admin\"");
      entry.role = *role;
    } else if (name == "created" || name == "expires") {
      std::optional<std::int64_t> time = parse_time(node);
      if (!time) return error(key.source(), std::string(name) + " must be a date or a time: 2027-01-31T00:00:00Z");
      if (name == "expires") entry.expires_ns = std::max<std::int64_t>(*time, 1);
    } else {
      return error(key.source(), "unknown key " + std::string(name) +
                                     ": a token has name, sha256, role, spaces, created and expires");
    }
    return {};
  }

  Status take_name(TokenEntry& entry, const toml::key& key, const std::optional<std::string>& text) const {
    bool printable = text && std::none_of(text->begin(), text->end(), [](unsigned char c) { return c < 0x20; });
    if (!printable || text->empty() || text->size() > max_name_bytes)
      return error(key.source(), "name must be a text of 1 to " + std::to_string(max_name_bytes) +
                                    " bytes without control characters");
    entry.name = *text;
    return {};
  }

  Status take_spaces(TokenEntry& entry, const toml::key& key, const toml::node& node) const {
    const toml::array* names = node.as_array();
    // An empty list would read as "none" and mean "all".
    if (names == nullptr || names->empty())
      return error(key.source(),
                   "spaces must be a list of names, at least one; without the key a token is for all spaces");
    for (const toml::node& element : *names) {
      std::optional<std::string> name = element.value_exact<std::string>();
      if (!name || name->empty()) return error(key.source(), "spaces must be a list of names, none of them empty");
      entry.spaces.push_back(*name);
    }
    return {};
  }

  const std::string& path_;
  std::vector<TokenEntry> entries_;
  std::set<std::string> names_;
  std::set<Sha256> digests_;
};

std::string base64url(std::span<const std::uint8_t> bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6) out += digits[bits >> (count - 6) & 63];
  }
  if (count > 0) out += digits[bits << (6 - count) & 63];
  return out;
}

std::string toml_quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {  // TOML takes them in no other form
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(byte));
      out += escaped;
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string time_text(std::int64_t ns) {
  std::time_t seconds = ns / ns_per_second;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

const char* role_name(Role role) {
  switch (role) {
    case Role::read:
      return "read";
    case Role::write:
      return "write";
    case Role::admin:
      return "admin";
  }
  return "unknown";
}

std::optional<Role> role_named(std::string_view name) {
  for (Role role : {Role::read, Role::write, Role::admin})
    if (name == role_name(role)) return role;
  return std::nullopt;
}

Sha256 sha256(Bytes bytes) {
  Sha256 digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

Result<std::vector<TokenEntry>> parse_tokens(std::string_view toml, const std::string& path) {
  return TokenFileParser(path).parse(toml);
}

NewToken make_token(Random& random) {
  std::array<std::uint8_t, 32> secret{};
  random.fill(std::as_writable_bytes(std::span(secret)));
  NewToken token{"engram_" + base64url(secret), {}};
  ::OPENSSL_cleanse(secret.data(), secret.size());
  token.digest = sha256(as_bytes(token.token));
  return token;
}

std::string token_entry_toml(const TokenEntry& entry) {
  std::string out = "[[token]]\nname = " + toml_quoted(entry.name) + "\nsha256 = \"" + hex(std::as_bytes(std::span(entry.digest))) +
                    "\"\nrole = \"" + role_name(entry.role) + "\"\n";
  if (!entry.spaces.empty()) {
    out += "spaces = [";
    for (const std::string& space : entry.spaces)
      out += (&space == entry.spaces.data() ? "" : ", ") + toml_quoted(space);
    out += "]\n";
  }
  if (entry.expires_ns != 0) out += "expires = " + time_text(entry.expires_ns) + "\n";
  return out;
}

}  // namespace engram
