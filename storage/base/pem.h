#pragma once
// PEM bundles: kj-tls trusts one certificate an object, while a file of authorities holds many.

#include <string>
#include <string_view>
#include <vector>

namespace engram {

/// The certificates in a PEM text, each as a text of its own. What else is in it, and a last one that is cut off, is left out.
inline std::vector<std::string> pem_certificates(std::string_view pem) {
  constexpr std::string_view begin = "-----BEGIN ", dashes = "-----";
  std::vector<std::string> certificates;
  for (auto at = pem.find(begin); at != std::string_view::npos; at = pem.find(begin, at)) {
    auto label_at = at + begin.size();
    auto label_end = pem.find(dashes, label_at);
    if (label_end == std::string_view::npos) break;
    auto label = pem.substr(label_at, label_end - label_at);   // also "X509 CERTIFICATE", "TRUSTED CERTIFICATE"
    auto end = "-----END " + std::string(label) + std::string(dashes);
    auto stop = pem.find(end, label_end);
    if (stop == std::string_view::npos) break;
    stop += end.size();
    if (label.ends_with("CERTIFICATE")) certificates.push_back(std::string(pem.substr(at, stop - at)) + "\n");
    at = stop;
  }
  return certificates;
}

}  // namespace engram
