#include "storage/warm/warm_pages.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "storage/base/bytes.h"
#include "storage/base/damage.h"
#include "storage/base/descriptor.h"
#include "storage/base/error_text.h"
#include "storage/warm/lmdb_format.h"
#include "storage/warm/warm_entry.h"
#include "storage/warm/warm_file.h"

namespace engram {

namespace {

using namespace lmdb_format;

/// The file, mapped for reading.
class MappedFile {
 public:
  explicit MappedFile(const std::string& name) {
    Descriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (file.get() >= 0 && ::fstat(file.get(), &status) == 0 && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      void* memory = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
      data_ = memory == MAP_FAILED ? nullptr : static_cast<const std::byte*>(memory);
    }
    error_ = errno;
  }
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] Bytes bytes() const { return {data_, data_ == nullptr ? 0 : size_}; }
  [[nodiscard]] int error() const { return error_; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  int error_ = 0;
};

template <typename T>
T read_as(Bytes bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

struct Node {
  std::size_t offset = 0;  // in its page
  std::size_t bytes = 0;   // there
  Bytes key;
  std::uint64_t child = 0;  // in a branch
  Bytes value;              // in a leaf, also if it is on pages of its own
  bool sub_tree = false;
};

/// What the keys below a page have to lie between.
struct Bounds {
  std::optional<Bytes> from;
  std::optional<Bytes> before;
};

enum class TreeKind { free_pages, main, table };

std::uint16_t flags_of(TreeKind kind) { return kind == TreeKind::free_pages ? free_tree_flags : plain_tree_flags; }

class PageCheck {
 public:
  PageCheck(Bytes file, const HeaderPage& header, WarmPages which)
      : file_(file), header_(header), page_bytes_(header.trees[0].page_bytes), which_(which),
        used_(header.last_page + 1, false), bytes_at_(page_bytes_ / 2, 0) {}

  /// What is wrong; empty if nothing is.
  const std::string& run() {
    check_tree(header_.trees[0], TreeKind::free_pages);
    check_transaction();
    check_tree(header_.trees[1], TreeKind::main);
    // The uses of all pages are known only now, and only if all trees were walked.
    for (std::uint64_t page : free_) use(page, 1);
    if (which_ == WarmPages::all && !failed() && header_.last_page >= first_data_page && !used_[header_.last_page])
      fail(header_.last_page, "it should be the last one, but is neither used nor free");
    return problem_;
  }

 private:
  void fail(std::uint64_t page, const std::string& what) {
    if (problem_.empty()) problem_ = "page " + std::to_string(page) + ": " + what;
  }
  [[nodiscard]] bool failed() const { return !problem_.empty(); }

  /// Marks `count` pages from `page` on as used.
  void use(std::uint64_t page, std::uint64_t count) {
    if (failed() || count == 0) return;
    if (page < first_data_page || page > header_.last_page || count > header_.last_page - page + 1)
      return fail(page, "a reference out of the file");
    for (std::uint64_t i = page; i < page + count; ++i) {
      if (used_[i]) return fail(i, "it has two uses");
      used_[i] = true;
    }
  }

  [[nodiscard]] Bytes page_at(std::uint64_t page) const { return file_.subspan(page * page_bytes_, page_bytes_); }

  /// Every transaction but the first one frees pages, and notes them under its own number.
  void check_transaction() {
    std::uint64_t transaction = header_.transaction;
    if (failed()) return;
    if (last_freed_by_ > transaction || (transaction > 1 && last_freed_by_ != transaction))
      fail(transaction % 2, "its transaction is not that of its list of free pages");
  }

  void check_tree(const Tree& tree, TreeKind kind) {
    check_record(tree, kind);
    Tree counted{};
    if (!failed() && tree.root != no_page) check_page(tree.root, tree, kind, 1, {}, counted);
    if (failed()) return;
    if (counted.entries != tree.entries || counted.leaf_pages != tree.leaf_pages ||
        counted.branch_pages != tree.branch_pages || counted.overflow_pages != tree.overflow_pages)
      fail(tree.root, "its tree has other counts of pages or entries than are recorded");
  }

  void check_record(const Tree& tree, TreeKind kind) {
    if (tree.flags != flags_of(kind) || tree.page_bytes != (kind == TreeKind::free_pages ? page_bytes_ : 0))
      return fail(tree.root, "its tree is of another kind than all that the engine makes");
    if (tree.depth > max_depth || (tree.depth == 0) != (tree.root == no_page))
      return fail(tree.root, "its tree has an impossible depth");
  }

  void check_page(std::uint64_t number, const Tree& tree, TreeKind kind, unsigned level, const Bounds& bounds,
                  Tree& counted) {
    use(number, 1);
    if (failed()) return;
    Bytes page = page_at(number);
    auto start = read_as<PageStart>(page, 0);
    bool is_leaf = level == tree.depth;
    if (start.number != number || start.padding != 0 || start.flags != (is_leaf ? leaf : branch))
      return fail(number, "it is not the page that its parent expects");
    if (start.lower < sizeof start || start.lower % 2 != 0 || start.upper < start.lower || start.upper > page_bytes_)
      return fail(number, "impossible bounds");
    std::size_t count = (start.lower - sizeof start) / 2;
    if (count < (is_leaf || kind == TreeKind::free_pages ? 1 : 2)) return fail(number, "too few entries");
    ++(is_leaf ? counted.leaf_pages : counted.branch_pages);
    if (is_leaf) counted.entries += count;

    std::vector<Node> nodes;
    for (std::size_t i = 0; i < count && !failed(); ++i) nodes.push_back(node_at(number, page, i, is_leaf, counted));
    check_layout(number, nodes, start.upper);
    check_keys(number, nodes, is_leaf, bounds, kind);
    for (std::size_t i = 0; i < count && !failed(); ++i) {
      if (is_leaf) {
        check_value(number, nodes[i], kind);
      } else {
        Bounds below{i > 0 ? nodes[i].key : bounds.from, i + 1 < count ? nodes[i + 1].key : bounds.before};
        check_page(nodes[i].child, tree, kind, level + 1, below, counted);
      }
    }
  }

  Node node_at(std::uint64_t number, Bytes page, std::size_t index, bool is_leaf, Tree& counted) {
    Node node;
    std::size_t offset = read_as<std::uint16_t>(page, sizeof(PageStart) + index * 2);
    NodeStart start{};
    bool inside = offset >= read_as<PageStart>(page, 0).upper && offset + sizeof start <= page.size();
    if (inside) start = read_as<NodeStart>(page, offset);
    offset += sizeof start;
    inside = inside && offset + start.key_bytes <= page.size();
    if (is_leaf && (start.flags & ~(big_value | sub_tree)) != 0) {
      fail(number, "an entry of a kind that the engine does not make");
      return node;
    }
    std::uint64_t low = start.low | static_cast<std::uint64_t>(start.high) << 16;
    bool big = is_leaf && (start.flags & big_value) != 0;
    std::size_t stored_bytes = big ? sizeof(std::uint64_t) : is_leaf ? low : 0;
    inside = inside && stored_bytes <= page.size() - offset - start.key_bytes;
    if (!inside) {
      fail(number, "an entry that reaches out of it");
      return node;
    }
    node.offset = offset - sizeof start;
    node.bytes = (sizeof start + start.key_bytes + stored_bytes + 1) / 2 * 2;
    node.key = page.subspan(offset, start.key_bytes);
    node.child = low | static_cast<std::uint64_t>(start.flags) << 32;
    node.sub_tree = (start.flags & sub_tree) != 0;
    node.value = page.subspan(offset + start.key_bytes, stored_bytes);
    if (big) node.value = big_value_at(read_as<std::uint64_t>(node.value, 0), low, counted);
    return node;
  }

  Bytes big_value_at(std::uint64_t number, std::uint64_t size_bytes, Tree& counted) {
    std::uint64_t needed = (sizeof(PageStart) + size_bytes + page_bytes_ - 1) / page_bytes_;
    use(number, needed);
    if (failed()) return {};
    auto start = read_as<PageStart>(page_at(number), 0);
    // A value that is replaced by a smaller one in the same transaction keeps its pages: LMDB's own list of free pages does.
    std::uint64_t pages = start.lower | static_cast<std::uint64_t>(start.upper) << 16;
    if (start.number != number || start.padding != 0 || start.flags != overflow || pages < needed) {
      fail(number, "it is not the large value that its entry expects");
      return {};
    }
    use(number + needed, pages - needed);
    if (failed()) return {};
    counted.overflow_pages += pages;
    return file_.subspan(number * page_bytes_ + sizeof start, size_bytes);
  }

  /// The entries fill the page from `upper` on without a gap: LMDB moves them by their sizes when it takes one out.
  void check_layout(std::uint64_t number, const std::vector<Node>& nodes, std::size_t upper) {
    if (failed()) return;
    bool even = upper % 2 == 0;
    for (const Node& node : nodes) {
      even = even && node.offset % 2 == 0;
      bytes_at_[node.offset / 2] = static_cast<std::uint16_t>(node.bytes);
    }
    std::size_t at = upper;
    std::size_t seen = 0;
    for (; at < page_bytes_ && bytes_at_[at / 2] != 0; ++seen) at += bytes_at_[at / 2];
    for (const Node& node : nodes) bytes_at_[node.offset / 2] = 0;
    if (!even || at != page_bytes_ || seen != nodes.size()) fail(number, "entries that overlap, or do not fill it");
  }

  static bool less(Bytes a, Bytes b, TreeKind kind) {
    if (kind != TreeKind::free_pages) return as_text(a) < as_text(b);
    return read_as<std::uint64_t>(a, 0) < read_as<std::uint64_t>(b, 0);
  }

  void check_keys(std::uint64_t number, const std::vector<Node>& nodes, bool is_leaf, const Bounds& bounds,
                  TreeKind kind) {
    std::optional<Bytes> before;
    // The first key of a branch is not looked at: it stands for all that is smaller.
    for (std::size_t i = is_leaf ? 0 : 1; i < nodes.size() && !failed(); ++i) {
      Bytes key = nodes[i].key;
      bool size_ok = kind == TreeKind::free_pages ? key.size() == sizeof(std::uint64_t)
                                                  : !key.empty() && key.size() <= warm_max_key_bytes;
      if (!size_ok) return fail(number, "a key of an impossible size");
      if ((before && !less(*before, key, kind)) || (bounds.from && less(key, *bounds.from, kind)) ||
          (bounds.before && !less(key, *bounds.before, kind)))
        return fail(number, "keys out of order");
      before = key;
    }
  }

  void check_value(std::uint64_t number, const Node& node, TreeKind kind) {
    if (node.sub_tree != (kind == TreeKind::main)) return fail(number, "an entry of the wrong kind");
    if (kind == TreeKind::main) {
      if (node.value.size() != sizeof(Tree)) return fail(number, "a table's record of the wrong size");
      auto tree = read_as<Tree>(node.value, 0);
      bool wanted = which_ == WarmPages::all || as_text(node.key) == warm_table_name(warm_header_table);
      wanted ? check_tree(tree, TreeKind::table) : check_record(tree, TreeKind::table);
    } else if (kind == TreeKind::free_pages) {
      check_free_list(number, node);
    }
  }

  /// A count, and as many pages from high to low, noted by one transaction. LMDB may leave a record that it did not need
  /// empty, whatever its size.
  void check_free_list(std::uint64_t number, const Node& node) {
    last_freed_by_ = read_as<std::uint64_t>(node.key, 0);
    std::size_t words = node.value.size() / sizeof(std::uint64_t);
    std::uint64_t count = words == 0 ? 0 : read_as<std::uint64_t>(node.value, 0);
    if (last_freed_by_ == 0 || words == 0 || node.value.size() % sizeof(std::uint64_t) != 0 ||
        (count != 0 && count != words - 1))
      return fail(number, "a broken free list");
    for (std::uint64_t i = 1; i <= count; ++i) {
      auto page = read_as<std::uint64_t>(node.value, i * sizeof(std::uint64_t));
      if (i > 1 && page >= free_.back()) return fail(number, "a free list that is not in order");
      free_.push_back(page);
    }
  }

  Bytes file_;
  const HeaderPage& header_;
  std::uint64_t page_bytes_;
  WarmPages which_;
  std::vector<bool> used_;
  std::vector<std::uint64_t> free_;
  std::uint64_t last_freed_by_ = 0;          // the transaction
  std::vector<std::uint16_t> bytes_at_;      // of the entry that starts there, in the page at hand; by offset / 2
  std::string problem_;
};

}  // namespace

Status check_warm_pages(const std::string& path, WarmPages which) {
  MappedFile file(warm_data_file(path));
  if (file.bytes().empty()) {
    return {Code::unavailable, "cannot read " + warm_data_file(path) + ": " + error_text(file.error())};
  }
  auto header = newest_warm_header(file.bytes(), path);
  if (!header.ok()) return header.status();
  std::string problem = PageCheck(file.bytes(), *header, which).run();
  if (problem.empty()) return {};
  return warm_store_damage(warm_data_file(path) + " is damaged at " + problem);
}

}  // namespace engram
