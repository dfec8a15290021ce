#pragma once
// The tokens that clients may present. The file holds only hashes:
//
//   [[token]]
//   name    = "ingest"
//   sha256  = "9f86d0…"            # of the token, 64 hex digits
//   role    = "write"              # read | write | admin
//   spaces  = ["news", "sports"]   # optional: only these spaces
//   created = 2026-01-31           # optional
//   expires = 2027-01-31T00:00:00Z # optional
//
// A plain SHA-256 is enough since a token has 256 random bits: nothing can be guessed and tried.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/security/secret_file.h"
#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/random.h"
#include "storage/base/result.h"

namespace engram {

/// The same numbers as `Role` in schema/client.capnp; each includes those before it.
enum class Role : std::uint8_t { read, write, admin };
const char* role_name(Role role);
std::optional<Role> role_named(std::string_view name);

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(Bytes bytes);

struct TokenEntry {
  std::string name;
  Sha256 digest{};
  Role role = Role::read;
  std::vector<std::string> spaces;  // empty: all
  std::int64_t expires_ns = 0;      // 0: never
  std::uint64_t since = 0;          // the generation since which the entry is as it is; set by the store
};

/// What a token lets its holder do.
struct Grant {
  std::string name;
  Role role = Role::read;
  std::vector<std::string> spaces;
  std::int64_t expires_ns = 0;
  std::uint64_t generation = 0;  // for `TokenStore::still_valid`

  [[nodiscard]] bool allows(Role needed) const { return role >= needed; }
  [[nodiscard]] bool allows_space(std::string_view space) const;
};

/// Parses a token file. Errors (invalid_argument) name the file, the line, the key and what is allowed: unknown keys,
/// names and hashes that occur twice, hashes that are none.
Result<std::vector<TokenEntry>> parse_tokens(std::string_view toml, const std::string& path);

/// Thread-safe. Readers take a snapshot without waiting for a reload.
class TokenStore {
 public:
  static Result<std::unique_ptr<TokenStore>> open(std::string path, const Clock& clock);

  /// Who the token belongs to. Compares with all entries in a time that does not depend on the token. Errors:
  /// unauthenticated, with one message for wrong and for expired tokens.
  [[nodiscard]] Result<Grant> authenticate(Bytes token) const;

  /// Whether a grant still holds: its token is in the file, unchanged, and has not expired. Cheap: to be asked with
  /// every call of a live session.
  [[nodiscard]] bool still_valid(std::string_view name, std::uint64_t generation) const;

  /// Reads the file again, changed or not (SIGHUP). On an error the tokens stay as they were, so that a typing error locks
  /// nobody out.
  Status reload();
  /// Reloads if the file was changed or replaced since; to be called every few seconds. True: there was something new. A file
  /// that cannot be read is tried again with every call, so that no revocation is lost; why it cannot is reported once. A
  /// mistake in a file is reported once a change.
  Result<bool> reload_if_changed();

  [[nodiscard]] std::uint64_t generation() const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Snapshot;
  TokenStore(std::string path, const Clock& clock);
  Status load();  // needs reloading_

  const std::string path_;
  const Clock& clock_;
  std::mutex reloading_;
  FileVersion version_;                       // of what was read last; guarded by reloading_
  std::string unread_;                        // why the file could not be read the last time; guarded by reloading_
  std::shared_ptr<const Snapshot> snapshot_;  // accessed by std::atomic_load / atomic_store
};

struct NewToken {
  std::string token;  // "engram_" and 43 characters of base64url: 256 random bits. Shown once, stored nowhere.
  Sha256 digest;
};
NewToken make_token(Random& random);

/// The lines to append to a token file.
std::string token_entry_toml(const TokenEntry& entry);

}  // namespace engram
