#include "storage/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

#include "storage/base/error_text.h"
#include "storage/base/last_words.h"

namespace engram {

std::uint64_t Random::next64() {
  std::uint64_t value = 0;
  fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

void SystemRandom::fill(std::span<std::byte> out) {
  while (!out.empty()) {
    ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      last_words("getrandom: " + error_text(errno));
      std::abort();
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace engram
