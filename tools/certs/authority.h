#pragma once
// A private authority: its directory (directory.h), and the certificates that it signs.
//
// A new key with every certificate, in a renewal too. The key and the certificate of a pair are two files, so a program that
// reads both in the middle of a renewal may see one of each: it has to try again, as TlsFiles does with the next change. A
// crash in that moment leaves such a pair; renewing it once more repairs it.

#include <cstdint>
#include <string>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/random.h"
#include "storage/base/result.h"
#include "tools/certs/description.h"
#include "tools/certs/directory.h"
#include "tools/certs/x509.h"

namespace engram::certs {

/// How long before now a certificate is valid: clocks differ.
constexpr std::int64_t clock_skew_s = 300;
/// A century.
constexpr std::uint32_t max_days = 36'500;

/// What becomes of a certificate that is there.
enum class Existing {
  refuse,   // an error
  keep,     // nothing, if it is as good as a new one: of this authority, for this use, with its key and the names, not
            // expired. Else an error
  replace,
};

struct Order {
  Use use = Use::node;
  std::string name;                // of the files, and the common name; passed check_name
  std::vector<std::string> hosts;  // that it has in any case, as host_of answers them
  std::vector<std::string> also;   // and more. None at all when one is replaced: it keeps those that it had
  std::uint32_t days = 825;        // at most max_days; never longer than the authority lasts
  Existing existing = Existing::refuse;
};

enum class Action { made, renewed, kept };

/// A pair of files, after the command.
struct Issued {
  Action action = Action::made;
  std::string name;
  std::string certificate_path;
  std::string key_path;
  Description description;
  bool is_cut = false;  // it ends with the authority, earlier than was ordered
};

class Authority {
 public:
  /// Makes a new one. Errors: there is one already, or the directory cannot be used.
  static Result<Issued> make(const std::string& directory, const std::string& name, std::uint32_t days, const Clock& clock,
                             Random& random);
  /// Errors: it is not there or broken, its key may be read by others or is another's, it has expired.
  static Result<Authority> open(const std::string& directory, const Clock& clock, Random& random);

  Result<Issued> issue(const Order& order);

 private:
  Authority(Directory directory, Certificate certificate, Key key, const Clock& clock, Random& random)
      : directory_(std::move(directory)), certificate_(std::move(certificate)), key_(std::move(key)), clock_(&clock),
        random_(&random) {}

  [[nodiscard]] Result<Issued> keep(const Order& order) const;
  [[nodiscard]] Result<Issued> sign(const Order& order, std::vector<std::string> hosts);

  Directory directory_;
  Certificate certificate_;
  Key key_;
  const Clock* clock_;
  Random* random_;
};

/// "engram-2" with engram-2.engram (its name in a StatefulSet's service), localhost and loopback.
Order node_order(const std::string& cluster, std::uint32_t ordinal);

}  // namespace engram::certs
