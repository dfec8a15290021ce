#pragma once
// The engine's end of a connection, that can fall silent as that of a stopped process does, or take in slowly.

#include <algorithm>

#include <kj/async-io.h>

namespace engram::client {

class FakeStream final : public kj::AsyncIoStream {
 public:
  FakeStream(kj::Own<kj::AsyncIoStream> inner, kj::Timer& timer) : inner_(kj::mv(inner)), timer_(timer) {}

  /// From now on nothing is read and nothing is written; the connection stays.
  void freeze() { frozen_ = true; }
  /// Reads so much at a time, with a pause of 10 ms before each.
  void slow_down(std::size_t bytes) { slow_bytes_ = bytes; }

  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t least, std::size_t most) override {
    if (slow_bytes_ != 0) return read_slowly(static_cast<kj::byte*>(buffer), least, most, 0);
    auto read = inner_->tryRead(buffer, least, most);
    return read.then([this](std::size_t count) -> kj::Promise<std::size_t> {
      if (frozen_) return kj::NEVER_DONE;
      return count;
    });
  }
  kj::Promise<void> write(const void* buffer, std::size_t size) override {
    if (frozen_) return kj::NEVER_DONE;
    return inner_->write(buffer, size);
  }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    if (frozen_) return kj::NEVER_DONE;
    return inner_->write(pieces);
  }
  kj::Promise<void> whenWriteDisconnected() override { return inner_->whenWriteDisconnected(); }
  void shutdownWrite() override { inner_->shutdownWrite(); }
  void abortRead() override { inner_->abortRead(); }

 private:
  kj::Promise<std::size_t> read_slowly(kj::byte* buffer, std::size_t least, std::size_t most, std::size_t done) {
    auto pause = timer_.afterDelay(10 * kj::MILLISECONDS);
    return pause.then([=, this] { return inner_->tryRead(buffer + done, 1, std::min(slow_bytes_, most - done)); })
        .then([=, this](std::size_t count) -> kj::Promise<std::size_t> {
          if (count == 0 || done + count >= least) return done + count;
          return read_slowly(buffer, least, most, done + count);
        });
  }

  kj::Own<kj::AsyncIoStream> inner_;
  kj::Timer& timer_;
  bool frozen_ = false;
  std::size_t slow_bytes_ = 0;
};

}  // namespace engram::client
