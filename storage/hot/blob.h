#pragma once
// Reference-counted bytes: what the hot tier is made of. Whoever finds itself the only owner may write in place; anybody
// else copies first. That is how the write-back thread gets the state of one LSN without stopping the partition: it
// holds references, and the partition's next change makes a copy.

#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#include "storage/base/bytes.h"

namespace engram {

class BlobRef {
 public:
  BlobRef() = default;
  static BlobRef copy_of(Bytes bytes) {
    BlobRef blob = uninitialised(bytes.size());
    if (!bytes.empty()) std::memcpy(blob.data(), bytes.data(), bytes.size());
    return blob;
  }
  static BlobRef uninitialised(std::size_t size) {
    void* memory = std::malloc(sizeof(Header) + size);
    if (memory == nullptr) throw std::bad_alloc();
    BlobRef blob;
    blob.header_ = new (memory) Header{{1}, static_cast<std::uint32_t>(size)};
    return blob;
  }

  /// Room for at least `capacity` bytes, of which `size` are in use: what is likely to grow is spared a copy each time.
  static BlobRef with_capacity(std::size_t size, std::size_t capacity) {
    // malloc hands out 16 k + 8 bytes whatever is asked for; asking for all of it makes the rest usable.
    BlobRef blob = uninitialised((sizeof(Header) + capacity + 7) / 16 * 16 + 8 - sizeof(Header));
    blob.set_size(size);
    return blob;
  }

  BlobRef(const BlobRef& other) : header_(other.header_) {
    if (header_ != nullptr) header_->references.fetch_add(1, std::memory_order_relaxed);
  }
  BlobRef(BlobRef&& other) noexcept : header_(std::exchange(other.header_, nullptr)) {}
  BlobRef& operator=(BlobRef other) noexcept {
    std::swap(header_, other.header_);
    return *this;
  }
  ~BlobRef() {
    if (header_ != nullptr && header_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) std::free(header_);
  }

  explicit operator bool() const { return header_ != nullptr; }
  /// True if nobody else can see these bytes, so that they may be written in place.
  [[nodiscard]] bool unique() const { return header_->references.load(std::memory_order_acquire) == 1; }
  [[nodiscard]] std::size_t size() const { return header_ == nullptr ? 0 : header_->size; }
  [[nodiscard]] std::byte* data() const { return reinterpret_cast<std::byte*>(header_ + 1); }
  [[nodiscard]] Bytes bytes() const { return header_ == nullptr ? Bytes{} : Bytes{data(), header_->size}; }
  /// How large it may become in place.
  [[nodiscard]] std::size_t capacity() const {
    return header_ == nullptr ? 0 : malloc_usable_size(header_) - sizeof(Header);
  }
  /// Only while unique, and up to the capacity.
  void set_size(std::size_t size) { header_->size = static_cast<std::uint32_t>(size); }
  /// What it costs in memory, the allocator's own header included.
  [[nodiscard]] std::size_t memory_bytes() const {
    return header_ == nullptr ? 0 : malloc_usable_size(header_) + sizeof(std::size_t);
  }

  /// For owners that keep the reference in bits of their own: gives it up without counting it down ...
  [[nodiscard]] void* release() { return std::exchange(header_, nullptr); }
  /// ... and takes it back (null: an empty reference). The pointer is aligned to 16 bytes.
  static BlobRef adopt(void* released) {
    BlobRef blob;
    blob.header_ = static_cast<Header*>(released);
    return blob;
  }
  /// What `bytes` would be, of a reference that was released.
  static Bytes bytes_of(const void* released) {
    if (released == nullptr) return {};
    const auto* header = static_cast<const Header*>(released);
    return {reinterpret_cast<const std::byte*>(header + 1), header->size};
  }

 private:
  struct Header {
    std::atomic<std::uint32_t> references;
    std::uint32_t size;
  };
  Header* header_ = nullptr;
};

}  // namespace engram
