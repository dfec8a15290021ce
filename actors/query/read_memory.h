#pragma once
// What all reads of a node hold together. Each is within its own budget, and a thousand of them at once are still more than
// the memory there is: the one that would go beyond is answered with `overloaded`, and may come again when others are done.

#include <atomic>
#include <cstddef>

namespace engram {

class ReadMemory {
 public:
  /// 0: any amount. Before the first read.
  void set_limit(std::size_t bytes) { limit_ = bytes; }
  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::size_t held() const { return held_.load(std::memory_order_relaxed); }
  /// What is left for one more; at least 1.
  [[nodiscard]] std::size_t left() const {
    std::size_t now = held();
    return now < limit_ ? limit_ - now : 1;
  }

  /// Of one read; what it holds is free again when it ends. In steps: small reads, which are most, count nothing and share
  /// no cache line.
  class Share {
   public:
    explicit Share(ReadMemory* all) : all_(all != nullptr && all->limit_ != 0 ? all : nullptr) {}
    ~Share() { (void)hold(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    /// False: there is no room for so much, and nothing has changed.
    [[nodiscard]] bool hold(std::size_t bytes) {
      std::size_t wanted = bytes / step_bytes * step_bytes;
      if (all_ == nullptr || wanted == held_) return true;
      if (wanted > held_ && !all_->grow(wanted - held_)) return false;
      if (wanted < held_) all_->held_.fetch_sub(held_ - wanted, std::memory_order_relaxed);
      held_ = wanted;
      return true;
    }

   private:
    static constexpr std::size_t step_bytes = 16 << 10;

    ReadMemory* all_;
    std::size_t held_ = 0;
  };

 private:
  bool grow(std::size_t bytes) {
    if (held_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return true;
    held_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }

  std::size_t limit_ = 0;
  std::atomic<std::size_t> held_{0};
};

}  // namespace engram
