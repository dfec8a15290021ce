#pragma once
// Where a partition's answer to a question of the peer goes.

#include <atomic>
#include <memory>

#include "cluster/peers/link_core.h"

namespace engram {

class LinkCore::QuestionPort final : public ReplyPort {
 public:
  QuestionPort(std::shared_ptr<LinkCore> link, std::uint64_t connection, std::uint64_t number, PartitionId partition)
      : link_(std::move(link)), connection_(connection), number_(number), partition_(partition) {}
  /// The link finds this object under its lock until it was told here that it goes.
  ~QuestionPort() override {
    if (!replied_.load(std::memory_order_relaxed)) link_->forget(connection_, number_);
  }

  void reply(Frame answer) override {
    if (!replied_.exchange(true, std::memory_order_relaxed)) link_->answer(*this, std::move(answer));
  }
  [[nodiscard]] bool cancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  /// The peer does not wait any more, or its connection is over, on which it would have to be answered.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t connection() const { return connection_; }
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] PartitionId partition() const { return partition_; }

 private:
  const std::shared_ptr<LinkCore> link_;
  const std::uint64_t connection_;
  const std::uint64_t number_;
  const PartitionId partition_;
  std::atomic<bool> replied_{false};
  std::atomic<bool> cancelled_{false};
};

}  // namespace engram
