#pragma once
// Packs small records of state (counters, sessions, spaces) as varints and length-prefixed strings.

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/bytes.h"

namespace engram {

class Packer {
 public:
  Packer& number(std::uint64_t value) {
    append_varint(out_, value);
    return *this;
  }
  Packer& signed_number(std::int64_t value) { return number(zigzag(value)); }
  Packer& text(std::string_view value) {
    append_varint(out_, value.size());
    out_.append(value);
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

/// Reads what a Packer wrote. After a read beyond the end, `ok` is false and every further read gives 0 or an empty text.
class Unpacker {
 public:
  explicit Unpacker(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    if (!ok_ || !read_varint(at_, end_, value)) ok_ = false;
    return value;
  }
  std::int64_t signed_number() { return unzigzag(number()); }
  std::string_view text() {
    std::uint64_t size = number();
    if (!ok_ || size > static_cast<std::uint64_t>(end_ - at_)) {
      ok_ = false;
      return {};
    }
    std::string_view value(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return value;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return at_ == end_; }

 private:
  const std::byte* at_;
  const std::byte* end_;
  bool ok_ = true;
};

}  // namespace engram
