#include "tools/certs/authority.h"

#include <algorithm>

#include "cluster/security/secret_file.h"
#include "tools/certs/names.h"

namespace engram::certs {
namespace {

constexpr std::size_t max_pem_bytes = 1 << 20;
constexpr mode_t key_mode = 0400;
constexpr mode_t certificate_mode = 0644;
constexpr const char* authority_name = "ca";

std::int64_t now_s(const Clock& clock) { return clock.wall_ns() / 1'000'000'000; }
std::int64_t end_s(const Clock& clock, std::uint32_t days) { return now_s(clock) + std::int64_t{days} * 86'400; }

std::string certificate_file(const std::string& name) { return name + ".pem"; }
std::string key_file(const std::string& name) { return name + ".key"; }

Status refusal(const std::string& message) { return {Code::invalid_argument, message}; }

Result<Certificate> read_certificate(const std::string& path) {
  auto file = read_public_file(path, "the certificate", max_pem_bytes);
  if (!file.ok()) return file.status();
  auto certificates = parse_certificates(file->text, path);
  if (!certificates.ok()) return certificates.status();
  return std::move(certificates->front());
}

Result<Key> read_key(const std::string& path) {
  auto file = read_secret_file(path, "the private key", max_pem_bytes);
  if (!file.ok()) return file.status();
  return parse_key(file->text, path);
}

struct Pair {
  Certificate certificate;
  Key key;
};

Result<Pair> read_pair(const Directory& directory, const std::string& name) {
  auto certificate = read_certificate(directory.path_of(certificate_file(name)));
  if (!certificate.ok()) return certificate.status();
  auto key = read_key(directory.path_of(key_file(name)));
  if (!key.ok()) return key.status();
  if (!belongs_to(**key, **certificate))
    return refusal(directory.path_of(key_file(name)) + " is not the key of " + directory.path_of(certificate_file(name)));
  return Pair{std::move(*certificate), std::move(*key)};
}

/// Makes the pair, and puts it in place: the key first, as nothing can be done with a certificate that has none.
Result<Issued> make_pair(const Directory& directory, const std::string& name, const Request& request, const Signer* signer,
                         Random& random) {
  auto key = make_key();
  if (!key.ok()) return key.status();
  auto certificate = make_certificate(request, **key, signer, random);
  if (!certificate.ok()) return certificate.status();
  auto key_text = key_pem(**key);
  if (!key_text.ok()) return key_text.status();
  auto certificate_text = certificate_pem(**certificate);
  if (!certificate_text.ok()) return certificate_text.status();
  Status status = directory.put({{key_file(name), std::move(*key_text), key_mode},
                                 {certificate_file(name), std::move(*certificate_text), certificate_mode}});
  if (!status.ok()) return status;
  return Issued{.name = name,
                .certificate_path = directory.path_of(certificate_file(name)),
                .key_path = directory.path_of(key_file(name)),
                .description = describe(**certificate)};
}

/// One who replaces an authority by accident has to replace every certificate of the cluster.
Status check_no_authority(const Directory& directory) {
  bool certificate_is_there = directory.has(certificate_file(authority_name));
  bool key_is_there = directory.has(key_file(authority_name));
  if (certificate_is_there)
    return refusal("there is an authority already: " + directory.path_of(certificate_file(authority_name)) +
                   ". Choose another directory for a new one");
  if (key_is_there)
    return refusal(directory.path_of(key_file(authority_name)) +
                   " is there without its ca.pem: if no certificate was made with it, remove it and try again");
  return {};
}

/// The names that a certificate had and a new one can have.
std::vector<std::string> hosts_of(const Description& description) {
  std::vector<std::string> hosts;
  for (const auto& name : description.names)
    if (auto host = host_of(name); host.ok()) hosts.push_back(*host);
  return hosts;
}

}  // namespace

Result<Issued> Authority::make(const std::string& directory, const std::string& name, std::uint32_t days, const Clock& clock,
                               Random& random) {
  auto opened = Directory::make(directory);
  if (!opened.ok()) return opened.status();
  if (Status status = check_no_authority(*opened); !status.ok()) return status;
  // Not the name alone: a node's certificate of this name would look as if it had signed itself.
  Request request{.use = Use::authority,
                  .common_name = name + " authority",
                  .not_before_s = now_s(clock) - clock_skew_s,
                  .not_after_s = end_s(clock, days)};
  return make_pair(*opened, authority_name, request, nullptr, random);
}

Result<Authority> Authority::open(const std::string& directory, const Clock& clock, Random& random) {
  auto opened = Directory::open(directory);
  if (!opened.ok()) return opened.status();
  if (!opened->has(certificate_file(authority_name)) && !opened->has(key_file(authority_name)))
    return refusal("there is no authority in " + directory + ": 'engram certs init " + directory + "' makes one");
  auto pair = read_pair(*opened, authority_name);
  if (!pair.ok()) return pair.status();
  auto path = opened->path_of(certificate_file(authority_name));
  auto description = describe(*pair->certificate);
  if (description.use != Use::authority) return refusal(path + " is no authority's certificate (CA:TRUE)");
  if (has_expired(description, now_s(clock)))
    return refusal(path + " has expired on " + time_text(description.not_after_s) +
                   ": make a new authority in another directory, and certificates of it for all");
  return Authority(std::move(*opened), std::move(pair->certificate), std::move(pair->key), clock, random);
}

Result<Issued> Authority::issue(const Order& order) {
  const auto path = directory_.path_of(certificate_file(order.name));
  bool certificate_is_there = directory_.has(certificate_file(order.name));
  bool is_there = certificate_is_there || directory_.has(key_file(order.name));
  if (is_there && order.existing == Existing::keep) return keep(order);
  if (is_there && order.existing == Existing::refuse)
    return refusal((certificate_is_there ? path : directory_.path_of(key_file(order.name))) +
                   " is there already: --renew replaces it");
  auto hosts = order.hosts;
  add_missing(hosts, order.also);
  if (certificate_is_there) {
    auto before = read_certificate(path);
    if (!before.ok()) return before.status();
    auto description = describe(**before);
    if (description.use != order.use)
      return refusal(path + " is a certificate of another kind (" + use_name(description.use) +
                     "), and is not replaced by one for a " + use_name(order.use) + ": choose another name");
    if (order.also.empty()) add_missing(hosts, hosts_of(description));
  }
  auto issued = sign(order, std::move(hosts));
  if (issued.ok() && is_there) issued->action = Action::renewed;
  return issued;
}

Result<Issued> Authority::keep(const Order& order) const {
  auto pair = read_pair(directory_, order.name);
  if (!pair.ok()) return refusal(pair.status().message() + ". --renew makes a new pair");
  auto path = directory_.path_of(certificate_file(order.name));
  auto description = describe(*pair->certificate);
  if (description.use != order.use)
    return refusal(path + " is a certificate of another kind (" + use_name(description.use) +
                   "): remove it, or move it away");
  if (!is_signed_by(*pair->certificate, *certificate_))
    return refusal(path + " was signed by another authority: --renew replaces it");
  if (has_expired(description, now_s(*clock_))) return refusal(path + " has expired: --renew replaces it");
  for (const auto& host : order.also)
    if (std::find(description.names.begin(), description.names.end(), host) == description.names.end())
      return refusal(path + " is there already, without the name " + host + ": --renew replaces it");
  return Issued{.action = Action::kept,
                .name = order.name,
                .certificate_path = path,
                .key_path = directory_.path_of(key_file(order.name)),
                .description = std::move(description)};
}

Result<Issued> Authority::sign(const Order& order, std::vector<std::string> hosts) {
  std::int64_t ordered_end_s = end_s(*clock_, order.days);
  std::int64_t authority_end_s = describe(*certificate_).not_after_s;
  Request request{.use = order.use,
                  .common_name = order.name,
                  .names = std::move(hosts),
                  .not_before_s = now_s(*clock_) - clock_skew_s,
                  .not_after_s = std::min(ordered_end_s, authority_end_s)};
  Signer signer{certificate_.get(), key_.get()};
  auto issued = make_pair(directory_, order.name, request, &signer, *random_);
  if (issued.ok()) issued->is_cut = authority_end_s < ordered_end_s;
  return issued;
}

Order node_order(const std::string& cluster, std::uint32_t ordinal) {
  auto name = cluster + "-" + std::to_string(ordinal);
  Order order{.use = Use::node, .name = name};
  for (const std::string& host : {name, name + "." + cluster, std::string("localhost"), std::string("127.0.0.1"),
                                  std::string("::1")})
    if (auto checked = host_of(host); checked.ok()) add_missing(order.hosts, {*checked});
  return order;
}

}  // namespace engram::certs
