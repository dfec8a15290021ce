#include "cluster/security/token_store.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace engram {
namespace {

constexpr std::size_t max_token_file_bytes = 16 << 20;
constexpr std::size_t max_token_bytes = 1024;  // hashing longer ones would only be work for an attacker

bool same_rights(const TokenEntry& left, const TokenEntry& right) {
  return left.digest == right.digest && left.role == right.role && left.spaces == right.spaces &&
         left.expires_ns == right.expires_ns;
}

}  // namespace

struct TokenStore::Snapshot {
  std::uint64_t generation = 0;
  std::vector<TokenEntry> entries;  // sorted by name

  [[nodiscard]] const TokenEntry* find(std::string_view name) const {
    auto found = std::lower_bound(entries.begin(), entries.end(), name,
                                  [](const TokenEntry& entry, std::string_view wanted) { return entry.name < wanted; });
    return found != entries.end() && found->name == name ? &*found : nullptr;
  }
};

bool Grant::allows_space(std::string_view space) const {
  return spaces.empty() || std::find(spaces.begin(), spaces.end(), space) != spaces.end();
}

TokenStore::TokenStore(std::string path, const Clock& clock)
    : path_(std::move(path)), clock_(clock), snapshot_(std::make_shared<Snapshot>()) {}

Result<std::unique_ptr<TokenStore>> TokenStore::open(std::string path, const Clock& clock) {
  std::unique_ptr<TokenStore> store(new TokenStore(std::move(path), clock));
  if (Status status = store->reload(); !status.ok()) return status;
  return store;
}

Result<Grant> TokenStore::authenticate(Bytes token) const {
  const Status refused(Code::unauthenticated,
                       "the token is wrong, was revoked, or has expired: ask the operator for one");
  if (token.empty() || token.size() > max_token_bytes) return refused;
  std::shared_ptr<const Snapshot> snapshot = std::atomic_load(&snapshot_);
  const Sha256 digest = sha256(token);
  // Always through all entries, and without a branch on a match, so that the time tells nothing.
  std::size_t match = snapshot->entries.size();
  for (std::size_t i = 0; i < snapshot->entries.size(); ++i) {
    bool equal = ::CRYPTO_memcmp(digest.data(), snapshot->entries[i].digest.data(), digest.size()) == 0;
    match = equal ? i : match;
  }
  if (match == snapshot->entries.size()) return refused;
  const TokenEntry& entry = snapshot->entries[match];
  if (entry.expires_ns != 0 && clock_.wall_ns() >= entry.expires_ns) return refused;
  return Grant{entry.name, entry.role, entry.spaces, entry.expires_ns, snapshot->generation};
}

bool TokenStore::still_valid(std::string_view name, std::uint64_t generation) const {
  std::shared_ptr<const Snapshot> snapshot = std::atomic_load(&snapshot_);
  const TokenEntry* entry = snapshot->find(name);
  if (entry == nullptr || entry->since > generation) return false;
  return entry->expires_ns == 0 || clock_.wall_ns() < entry->expires_ns;
}

Status TokenStore::reload() {
  std::lock_guard guard(reloading_);
  return load();
}

Result<bool> TokenStore::reload_if_changed() {
  std::lock_guard guard(reloading_);
  if (file_version(path_) == version_) return false;
  const std::string said = unread_;
  Status status = load();
  if (status.ok()) return true;
  if (!unread_.empty() && unread_ == said) return false;
  return status;
}

Status TokenStore::load() {
  Result<FileText> file = read_secret_file(path_, "the token file", max_token_file_bytes);
  if (!file.ok()) {
    // What could not be read was not seen: `version_` stays, and the next look tries again.
    unread_ = file.status().message();
    return file.status();
  }
  unread_.clear();
  version_ = file->version;
  Result<std::vector<TokenEntry>> entries = parse_tokens(file->text, path_);
  if (!entries.ok()) return entries.status();

  std::shared_ptr<const Snapshot> old = std::atomic_load(&snapshot_);
  auto next = std::make_shared<Snapshot>();
  next->generation = old->generation + 1;
  next->entries = std::move(*entries);
  std::sort(next->entries.begin(), next->entries.end(),
            [](const TokenEntry& left, const TokenEntry& right) { return left.name < right.name; });
  for (TokenEntry& entry : next->entries) {
    const TokenEntry* before = old->find(entry.name);
    entry.since = before != nullptr && same_rights(*before, entry) ? before->since : next->generation;
  }
  std::atomic_store(&snapshot_, std::shared_ptr<const Snapshot>(std::move(next)));
  return {};
}

std::uint64_t TokenStore::generation() const {
  return std::atomic_load(&snapshot_)->generation;
}
std::size_t TokenStore::size() const {
  return std::atomic_load(&snapshot_)->entries.size();
}

}  // namespace engram
