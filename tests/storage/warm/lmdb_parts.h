#pragma once
// Which bytes of an LMDB file say where things are and what they are, for tests that damage them.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "storage/warm/lmdb_format.h"

namespace engram::test {

namespace lmdb = lmdb_format;

inline constexpr std::size_t lmdb_page_bytes = 4096;

template <typename T>
T lmdb_part(const std::string& content, std::size_t offset) {
  T part;
  std::memcpy(&part, content.data() + offset, sizeof part);
  return part;
}

/// The header page of the last commit.
inline lmdb::HeaderPage newest_lmdb_header(const std::string& content) {
  auto first = lmdb_part<lmdb::HeaderPage>(content, 0);
  auto second = lmdb_part<lmdb::HeaderPage>(content, lmdb_page_bytes);
  return first.transaction > second.transaction ? first : second;
}

class LmdbParts {
 public:
  explicit LmdbParts(const std::string& content) : content_(content) {
    free_root_ = newest_lmdb_header(content).trees[0].root;
    if (free_root_ != lmdb::no_page) list_free_pages();
    for (std::size_t page : {0, 1}) add(page * lmdb_page_bytes, sizeof(lmdb::HeaderPage), header_pages_);
    for (std::size_t page = 2; page < content.size() / lmdb_page_bytes;) page += add_page(page);
  }

  /// Each byte by its offset in the file.
  [[nodiscard]] const std::vector<std::size_t>& header_pages() const { return header_pages_; }
  /// Headers of pages in use, their offsets of entries, the entries' headers, where large values are.
  [[nodiscard]] const std::vector<std::size_t>& pages() const { return pages_; }
  /// The first bytes of tables' records: what kind of tree it is.
  [[nodiscard]] const std::vector<std::size_t>& kinds_of_tables() const { return kinds_of_tables_; }
  /// The rest of them: depth, counts, and where the tree begins.
  [[nodiscard]] const std::vector<std::size_t>& tables() const { return tables_; }
  [[nodiscard]] const std::vector<std::size_t>& free_lists() const { return free_lists_; }
  /// Names of tables, and of what the table `header` has.
  [[nodiscard]] const std::vector<std::size_t>& names() const { return names_; }
  /// Pages that nothing uses.
  [[nodiscard]] const std::set<std::uint64_t>& free_pages() const { return free_pages_; }
  [[nodiscard]] std::uint64_t deepest() const { return deepest_; }
  [[nodiscard]] std::size_t large_values() const { return large_values_; }

 private:
  static void add(std::size_t from, std::size_t count, std::vector<std::size_t>& to) {
    for (std::size_t i = 0; i < count; ++i) to.push_back(from + i);
  }

  struct Entry {
    std::size_t offset;
    lmdb::NodeStart start;
    [[nodiscard]] std::size_t value() const { return offset + sizeof start + start.key_bytes; }
    [[nodiscard]] std::size_t value_bytes() const { return start.low + (std::size_t{start.high} << 16); }
  };
  [[nodiscard]] std::vector<Entry> entries(std::size_t page) const {
    std::size_t begin = page * lmdb_page_bytes;
    auto start = lmdb_part<lmdb::PageStart>(content_, begin);
    std::vector<Entry> found;
    for (std::size_t at = sizeof start; at < start.lower; at += 2) {
      std::size_t offset = begin + lmdb_part<std::uint16_t>(content_, begin + at);
      found.push_back({offset, lmdb_part<lmdb::NodeStart>(content_, offset)});
    }
    return found;
  }

  /// The tests' stores free so little that one page has it all.
  void list_free_pages() {
    for (const Entry& entry : entries(free_root_)) {
      add(entry.value(), entry.value_bytes(), free_lists_);
      auto count = lmdb_part<std::uint64_t>(content_, entry.value());
      for (std::uint64_t i = 1; i <= count; ++i)
        free_pages_.insert(lmdb_part<std::uint64_t>(content_, entry.value() + i * sizeof count));
    }
  }

  /// How many pages it takes.
  std::size_t add_page(std::size_t page) {
    if (free_pages_.contains(page)) return 1;
    std::size_t begin = page * lmdb_page_bytes;
    auto start = lmdb_part<lmdb::PageStart>(content_, begin);
    add(begin, sizeof start, pages_);
    if (start.flags == lmdb::overflow) return ++large_values_, start.lower;
    add(begin + sizeof start, start.lower - sizeof start, pages_);
    for (const Entry& entry : entries(page)) {
      add(entry.offset, sizeof entry.start, pages_);
      if (start.flags != lmdb::leaf) continue;
      if ((entry.start.flags & lmdb::big_value) != 0) add(entry.value(), sizeof(std::uint64_t), pages_);
      std::string key = content_.substr(entry.offset + sizeof entry.start, entry.start.key_bytes);
      bool table = (entry.start.flags & lmdb::sub_tree) != 0;
      if (table || key == "format" || key == "applied_lsn") add(entry.value() - key.size(), key.size(), names_);
      if (!table) continue;
      add(entry.value(), offsetof(lmdb::Tree, depth), kinds_of_tables_);
      add(entry.value() + offsetof(lmdb::Tree, depth), sizeof(lmdb::Tree) - offsetof(lmdb::Tree, depth), tables_);
      deepest_ = std::max<std::uint64_t>(deepest_, lmdb_part<lmdb::Tree>(content_, entry.value()).depth);
    }
    return 1;
  }

  const std::string& content_;
  std::uint64_t free_root_ = 0;
  std::vector<std::size_t> header_pages_, pages_, kinds_of_tables_, tables_, free_lists_, names_;
  std::set<std::uint64_t> free_pages_;
  std::uint64_t deepest_ = 0;
  std::size_t large_values_ = 0;
};

}  // namespace engram::test
