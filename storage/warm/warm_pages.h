#pragma once
// Checks the structure of a warm store's file, page by page, without LMDB: LMDB has no checksums over its own pages,
// follows every offset in them, and would crash on a flipped bit, or silently look for a key in the wrong place.

#include <cstdint>
#include <string>

#include "storage/base/result.h"

namespace engram {

enum class WarmPages {
  needed_to_open,  // the free list, the list of tables and the header table: as quick on a large store as on a small
  all,
};

/// An engine looks at all pages of a store of up to this size before it uses it: about a second's work.
inline constexpr std::uint64_t warm_pages_at_start_bytes = std::uint64_t{1} << 30;

/// Every page is where its parent says, is of the kind that the engine makes and nothing else, is filled by its entries,
/// has its keys in order and within its parent's bounds; the counts agree; no page has two uses. In full:
/// docs/disk-format.md. The file has passed check_warm_file(), and nobody writes to it.
/// Error `corrupt`: names the page.
Status check_warm_pages(const std::string& path, WarmPages which);

}  // namespace engram
