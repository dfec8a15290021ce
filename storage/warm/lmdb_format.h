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
  std::uint32_t page_bytes;  // in a header page's first tree only
  std::uint16_t flags;
  std::uint16_t depth;
  std::uint64_t branch_pages;
  std::uint64_t leaf_pages;
  std::uint64_t overflow_pages;
  std::uint64_t entries;
  std::uint64_t root;
};
static_assert(sizeof(Tree) == 48);

struct PageStart {
  std::uint64_t number;
  std::uint16_t padding;
  std::uint16_t flags;
  std::uint16_t lower;  // both together are the number of pages, on the first of a run of overflow pages
  std::uint16_t upper;
};
static_assert(sizeof(PageStart) == 16);

enum PageFlags : std::uint16_t { branch = 1, leaf = 2, overflow = 4, kind = 0x6f };

struct NodeStart {
  std::uint16_t low;   // of the value's size, or of the child's page number
  std::uint16_t high;
  std::uint16_t flags;  // in a branch: the upper 16 bits of the child's page number
  std::uint16_t key_bytes;
};
static_assert(sizeof(NodeStart) == 8);

enum NodeFlags : std::uint16_t { big_value = 1, sub_tree = 2 };

struct HeaderPage {
  PageStart start;
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t address;
  std::uint64_t map_bytes;
  std::array<Tree, 2> trees;  // of free pages, and the main one
  std::uint64_t last_page;
  std::uint64_t transaction;
};
static_assert(sizeof(HeaderPage) == 16 + 24 + 2 * 48 + 16);

}  // namespace engram::lmdb_format
