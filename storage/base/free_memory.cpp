#include "storage/base/free_memory.h"

#include <malloc.h>

#include <cstddef>

// Of mimalloc, which is linked into the released program and not into what sanitizers look at.
extern "C" [[gnu::weak]] void mi_collect(bool force) noexcept;

namespace engram {
namespace {

constexpr std::size_t kept_bytes = 16 << 20;  // of glibc's heap

}  // namespace

void return_free_memory() {
  if (mi_collect != nullptr) {
    mi_collect(true);
  } else {
    ::malloc_trim(kept_bytes);
  }
}

}  // namespace engram
