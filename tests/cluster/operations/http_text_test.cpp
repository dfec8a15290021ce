#include "cluster/operations/http_text.h"

#include <catch2/catch.hpp>

using namespace engram;
using Catch::Contains;

TEST_CASE("a head ends with its empty line, wherever it is split") {
  const std::string head = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t cut = 0; cut < head.size(); ++cut) {
    CAPTURE(cut);
    CHECK_FALSE(has_whole_head(head.substr(0, cut), 0));
    CHECK(has_whole_head(head, cut));
  }
  CHECK(has_whole_head("GET / HTTP/1.0\n\n", 0));
}

TEST_CASE("a request is its method and its path") {
  auto request = parse_request("GET /metrics?name=x HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(request);
  CHECK(request->method == "GET");
  CHECK(request->path == "/metrics");
  CHECK(parse_request("HEAD /livez HTTP/1.0\n\n")->method == "HEAD");
}

TEST_CASE("what is no HTTP/1 request is none") {
  for (const char* bad : {"", "\r\n\r\n", "GET\r\n\r\n", "GET /livez\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n",
                          "GET / HTTP/2.0\r\n\r\n", "GET / / HTTP/1.1\r\n\r\n", "GET http://a/ HTTP/1.1\r\n\r\n",
                          " / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_request(bad));
  }
}

TEST_CASE("an answer tells its length and ends its connection") {
  std::string text = to_text({503, "starting\n"}, true);
  CHECK_THAT(text, Catch::StartsWith("HTTP/1.1 503 Service Unavailable\r\n") && Catch::EndsWith("\r\n\r\nstarting\n"));
  CHECK_THAT(text, Contains("Content-Length: 9\r\n") && Contains("Connection: close\r\n"));
  CHECK_THAT(to_text({503, "starting\n"}, false), Contains("Content-Length: 9\r\n") && Catch::EndsWith("\r\n\r\n"));
  CHECK_THAT(to_text({405, ""}, true), Contains("Allow: GET, HEAD\r\n"));
}
