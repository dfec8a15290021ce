#pragma once
// As much of HTTP as the operations port speaks: a request is one line that matters, an answer is the last on its connection.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace engram {

struct HttpRequest {
  std::string method;
  std::string path;  // without what follows a question mark
};

struct HttpAnswer {
  int status = 200;
  std::string body;
  std::string type = "text/plain; charset=utf-8";
};

/// Whether the empty line at the end of a request's head has arrived. What is before `from` was looked at already.
bool has_whole_head(std::string_view text, std::size_t from);
/// Header fields and bodies are not looked at: nothing here depends on them. Nothing if it is no HTTP/1 request.
std::optional<HttpRequest> parse_request(std::string_view head);
/// All bytes of an answer; without the body for HEAD.
std::string to_text(const HttpAnswer& answer, bool with_body);

}  // namespace engram
