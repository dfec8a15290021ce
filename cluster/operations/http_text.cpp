#include "cluster/operations/http_text.h"

#include <algorithm>

namespace engram {
namespace {

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

bool has_whole_head(std::string_view text, std::size_t from) {
  // The end may have begun in what was looked at. A line may end without the carriage return.
  from = std::max<std::size_t>(from, 3) - 3;
  return text.find("\n\r\n", from) != std::string_view::npos || text.find("\n\n", from) != std::string_view::npos;
}

std::optional<HttpRequest> parse_request(std::string_view head) {
  std::string_view line = head.substr(0, head.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::size_t first = line.find(' ');
  std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  std::string_view version = line.substr(last + 1);
  if (method.empty() || !std::all_of(method.begin(), method.end(), is_upper)) return std::nullopt;
  if (!target.starts_with('/') || target.find(' ') != std::string_view::npos) return std::nullopt;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
  return HttpRequest{std::string(method), std::string(target.substr(0, target.find('?')))};
}

std::string to_text(const HttpAnswer& answer, bool with_body) {
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " " + reason_of(answer.status) +
                     "\r\nContent-Type: " + answer.type + "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                     "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  if (answer.status == 405) text += "Allow: GET, HEAD\r\n";
  text += "Connection: close\r\n\r\n";
  if (with_body) text += answer.body;
  return text;
}

}  // namespace engram
