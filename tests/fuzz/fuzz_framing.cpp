// Any bytes in any pieces: the stream of messages hands out whole messages within its limits, or ends with an exception.
// What it hands out can be walked as a message of the RPC protocol.

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <capnp/rpc.capnp.h>
#include <kj/async-io.h>
#include <kj/debug.h>

#include "schema/client.capnp.h"
#include "schema/rpc/message_stream.h"

namespace {

constexpr std::uint64_t max_message_bytes = 64 << 10;

/// Gives its bytes in pieces, whose sizes come from the bytes too.
class Pieces final : public kj::AsyncIoStream {
 public:
  Pieces(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t least, std::size_t most) override {
    std::size_t piece = left_ == 0 ? 0 : 1 + data_[0] % 97;
    std::size_t count = std::min({left_, most, std::max(least, piece)});
    std::memcpy(buffer, data_, count);
    data_ += count;
    left_ -= count;
    return count;
  }
  kj::Promise<void> write(const void*, std::size_t) override { return kj::READY_NOW; }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>>) override { return kj::READY_NOW; }
  kj::Promise<void> whenWriteDisconnected() override { return kj::NEVER_DONE; }
  void shutdownWrite() override {}

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

void walk(capnp::MessageReader& reader) {
  auto root = reader.getRoot<capnp::rpc::Message>();
  if (reader.sizeInWords() * sizeof(capnp::word) > max_message_bytes) std::abort();
  (void)root.totalSize();
  if (root.isCall()) {
    auto call = root.getCall();
    (void)call.getParams().getContent().getAs<engram::schema::Engram::AuthenticateParams>().getToken();
  }
}

void read_all(const std::uint8_t* data, std::size_t size, kj::WaitScope& scope) {
  Pieces pieces(data, size);
  engram::rpc::BatchedMessageStream stream(pieces, max_message_bytes);
  capnp::ReaderOptions options;
  options.nestingLimit = 32;
  bool more = true;
  while (more) {
    auto message = stream.tryReadMessage(nullptr, options, nullptr).wait(scope);
    more = message != nullptr;
    KJ_IF_MAYBE (arrived, message) {
      auto walked = kj::runCatchingExceptions([&] { walk(*arrived->reader); });  // a bad message: its reader says so
      (void)walked;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static kj::EventLoop loop;
  static kj::WaitScope scope(loop);
  auto ended = kj::runCatchingExceptions([&] { read_all(data, size, scope); });
  (void)ended;
  return 0;
}
