#pragma once
// Certificate and key files: read, checked before anything is served with them, and read again when they are replaced.

#include <cstdint>
#include <memory>
#include <string>

#include "cluster/security/secret_file.h"
#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace engram {

struct TlsPaths {
  std::string certificate;
  std::string key;
  std::string client_ca;  // empty: clients need no certificate
};

/// PEM texts that fit together, as kj-tls takes them.
struct TlsMaterial {
  std::string certificate_chain_pem;
  std::string private_key_pem;
  std::string client_ca_pem;
  std::int64_t not_after_ns = 0;  // when the first certificate of the chain that expires does so
  std::uint64_t generation = 1;   // one more with every replacement
};

/// Reads and checks. Errors (invalid_argument, permission_denied) name the file and the reason: missing, no PEM, no
/// certificate in it, encrypted key, a key of another certificate, expired, a key file that others may read, what OpenSSL
/// does not serve with. Material that is answered can be served with.
Result<TlsMaterial> load_tls_files(const TlsPaths& paths, const Clock& clock);

/// Holds the newest good material. Thread-safe.
class TlsFiles {
 public:
  static Result<std::unique_ptr<TlsFiles>> open(TlsPaths paths, const Clock& clock);

  [[nodiscard]] std::shared_ptr<const TlsMaterial> current() const;
  /// Reads the files again, changed or not (SIGHUP). On an error the old material stays in use. This and what follows are
  /// for one thread.
  Status reload();
  /// Reloads if a file was replaced; to be called every few seconds. True: `current` is new. Files that cannot be read are
  /// tried again with every call, so that no renewal is lost; why they cannot is reported once. Files that do not fit are
  /// reported once a change.
  Result<bool> reload_if_changed();

 private:
  struct Versions {
    FileVersion certificate, key, client_ca;
    bool operator==(const Versions&) const = default;
  };
  TlsFiles(TlsPaths paths, const Clock& clock) : paths_(std::move(paths)), clock_(clock) {}
  [[nodiscard]] Versions versions() const;

  const TlsPaths paths_;
  const Clock& clock_;
  Versions seen_;                               // of what was read last; used by reload only
  std::string unread_;                          // why a file could not be read the last time; used by reload only
  std::shared_ptr<const TlsMaterial> current_;  // accessed by std::atomic_load / atomic_store
};

}  // namespace engram
