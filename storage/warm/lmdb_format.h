#pragma once
// How LMDB 0.9 lays out its file on 64-bit machines: only what is needed to check it before LMDB trusts it.

#include <array>
#include <cstdint>
#include <limits>

namespace engram::lmdb_format {

inline constexpr std::uint32_t magic = 0xBEEFC0DE;
inline constexpr std::uint32_t data_version = 1;
inline constexpr std::uint64_t no_page = std::numeric_limits<std::uint64_t>::max();
inline constexpr std::uint64_t first_data_page = 2;  // the first two are headers
inline constexpr unsigned max_depth = 32;

/// The record of one B+ tree; in the main tree it is the value of each table's name.
struct Tree {
  std::uint32_t page_bytes;  // in a header page's first tree only; else 0, since all keys have sizes of their own
  std::uint16_t flags;       // how keys and values are compared and stored
  std::uint16_t depth;
  std::uint64_t branch_pages;
  std::uint64_t leaf_pages;
  std::uint64_t overflow_pages;
  std::uint64_t entries;
  std::uint64_t root;
};
static_assert(sizeof(Tree) == 48);

// What the engine's trees have; any other bit would make LMDB take their pages for something else.
inline constexpr std::uint16_t free_tree_flags = 8;  // keys are native numbers
inline constexpr std::uint16_t plain_tree_flags = 0;

struct PageStart {
  std::uint64_t number;
  std::uint16_t padding;
  std::uint16_t flags;
  std::uint16_t lower;  // both together are the number of pages, on the first of a run of overflow pages
  std::uint16_t upper;
};
static_assert(sizeof(PageStart) == 16);

/// A page on the disk has exactly one of them. The others (a page that was changed and not written yet, pages of numbers
/// of one size, ...) are for memory only, or for tables that the engine does not have.
enum PageFlags : std::uint16_t { branch = 1, leaf = 2, overflow = 4, header = 8 };

struct NodeStart {
  std::uint16_t low;   // of the value's size, or of the child's page number
  std::uint16_t high;
  std::uint16_t flags;  // in a branch: the upper 16 bits of the child's page number
  std::uint16_t key_bytes;
};
static_assert(sizeof(NodeStart) == 8);

/// A leaf's; there is one more, for the many values of one key, which the engine's tables do not have.
enum NodeFlags : std::uint16_t { big_value = 1, sub_tree = 2 };

struct HeaderPage {
  PageStart start;
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t address;    // 0: the map may be anywhere
  std::uint64_t map_bytes;  // for those who do not say how large a map they want; the engine always does
  std::array<Tree, 2> trees;  // of free pages, and the main one
  std::uint64_t last_page;
  std::uint64_t transaction;  // the n-th writes to the header page n % 2
};
static_assert(sizeof(HeaderPage) == 16 + 24 + 2 * 48 + 16);

}  // namespace engram::lmdb_format
