#include "cluster/peers/network_failure.h"

#include <cctype>
#include <string_view>
#include <utility>

namespace engram {
namespace {

constexpr std::string_view openssl_error = "OpenSSL error";
constexpr std::string_view not_trusted = "TLS peer's certificate is not trusted; reason = ";
constexpr std::string_view lookup_error = "gai_strerror(status) = ";

std::string_view text_of(const kj::Exception& exception) {
  auto description = exception.getDescription();
  std::string_view text(description.begin(), description.size());
  while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.remove_suffix(1);
  return text;
}

std::string_view until(std::string_view text, std::string_view end) { return text.substr(0, text.find(end)); }

/// "OpenSSL error; message = error:0A000418:SSL routines::tlsv1 alert unknown ca", in lines: the last part of the first.
std::string_view openssl_reason(std::string_view text) {
  text = until(text, "\n");
  return text.substr(text.rfind(':') + 1);
}

std::string_view essence(std::string_view text) {
  if (text.starts_with(not_trusted)) return text.substr(not_trusted.size());
  if (text.starts_with(openssl_error)) return openssl_reason(text);
  if (auto at = text.find(lookup_error); at != std::string_view::npos)
    return until(text.substr(at + lookup_error.size()), ";");
  text = until(text, "; ");
  if (auto call = text.rfind("): "); call != std::string_view::npos) text = text.substr(call + 3);
  return text;
}

}  // namespace

std::string reason_in(const kj::Exception& exception) {
  if (exception.getType() == kj::Exception::Type::OVERLOADED) return "no answer in time";
  std::string reason(essence(text_of(exception)));
  if (reason.empty()) return "the connection failed";
  // "Connection refused" in the middle of a sentence, but "SSL ..." as it is.
  bool is_word = reason.size() > 1 && std::islower(static_cast<unsigned char>(reason[1])) != 0;
  if (is_word) reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  return reason;
}

bool is_tls_failure(const kj::Exception& exception) {
  std::string_view text = text_of(exception);
  return text.starts_with(openssl_error) || text.starts_with(not_trusted);
}

bool is_tls_alert(const kj::Exception& exception) {
  return is_tls_failure(exception) && openssl_reason(text_of(exception)).find("alert") != std::string_view::npos;
}

bool SparseLog::is_due(std::int64_t now_ns) {
  if (wrote_ && now_ns < next_ns_) {
    ++left_out_;
    return false;
  }
  wrote_ = true;
  next_ns_ = now_ns + pause_ns_;
  return true;
}

std::uint64_t SparseLog::take_left_out() { return std::exchange(left_out_, 0); }

}  // namespace engram
