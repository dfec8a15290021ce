#include "storage/base/failpoint.h"

#include <csignal>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "storage/base/last_words.h"

namespace engram {

std::atomic<bool> Failpoints::armed_{false};

namespace {

struct Armed {
  std::string name;
  std::string action;
  std::atomic<long> left{0};
};

Armed& armed() {
  static Armed instance;
  return instance;
}

}  // namespace

void Failpoints::arm_from_environment() {
  const char* text = std::getenv("ENGRAM_FAILPOINT");
  if (text == nullptr || *text == '\0') return;
  std::string spec(text);
  auto equals = spec.find('=');
  auto colon = spec.find(':', equals == std::string::npos ? 0 : equals);
  std::string action = equals == std::string::npos || colon == std::string::npos
                           ? std::string()
                           : spec.substr(equals + 1, colon - equals - 1);
  long count = colon == std::string::npos ? 0 : std::strtol(spec.c_str() + colon + 1, nullptr, 10);
  if ((action != "kill" && action != "error" && action != "wait") || count < 1) {
    last_words("ENGRAM_FAILPOINT: expected NAME=kill:COUNT, NAME=error:COUNT or NAME=wait:COUNT, got '" + spec + "'");
    std::exit(2);
  }
  armed().name = spec.substr(0, equals);
  armed().action = action;
  armed().left = count;
  armed_ = true;
}

bool Failpoints::reached(const char* name) {
  Armed& point = armed();
  if (point.name != name || point.left.fetch_sub(1) != 1) return false;
  if (point.action == "kill") ::kill(::getpid(), SIGKILL);
  while (point.action == "wait") ::pause();
  return true;
}

}  // namespace engram
