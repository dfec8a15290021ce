// Messages over BatchedMessageStream arrive whole and in order whatever the sizes and the splits, and bad ones end it.

#include "schema/rpc/message_stream.h"

#include <string>
#include <vector>

#include <capnp/rpc-twoparty.h>
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <catch2/catch.hpp>

#include "schema/client.capnp.h"

using engram::rpc::BatchedMessageStream;
namespace schema = engram::schema;

namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;

class Echo final : public schema::Engram::Server {
 protected:
  kj::Promise<void> ping(PingContext context) override {
    context.getResults().setPayload(context.getParams().getPayload());
    return kj::READY_NOW;
  }
};

/// Counts what the other side's kernel would see.
class CountingStream final : public kj::AsyncIoStream {
 public:
  explicit CountingStream(kj::AsyncIoStream& inner) : inner_(inner) {}
  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t least, std::size_t most) override {
    ++reads;
    return inner_.tryRead(buffer, least, most);
  }
  kj::Promise<void> write(const void* buffer, std::size_t size) override {
    ++writes;
    return inner_.write(buffer, size);
  }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    ++writes;
    return inner_.write(pieces);
  }
  kj::Promise<void> whenWriteDisconnected() override { return inner_.whenWriteDisconnected(); }
  void shutdownWrite() override { inner_.shutdownWrite(); }

  int reads = 0;
  int writes = 0;

 private:
  kj::AsyncIoStream& inner_;
};

/// One side of a connection with RPC on top. The stream below is the library's own pipe in memory or a socket.
struct Side {
  Side(kj::AsyncIoStream& io, capnp::rpc::twoparty::Side side, capnp::Capability::Client bootstrap,
       std::uint64_t max_message_bytes)
      : counted(io),
        stream(counted, max_message_bytes),
        network(stream, side, options()),
        rpc(capnp::makeRpcServer(network, kj::mv(bootstrap))) {}

  static capnp::ReaderOptions options() {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = 64 * mebibyte;
    return options;
  }

  CountingStream counted;
  BatchedMessageStream stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

struct Connected {
  explicit Connected(std::uint64_t max_message_bytes = 64 * mebibyte)
      : io(kj::setupAsyncIo()),
        pipe(io.provider->newTwoWayPipe()),
        server(*pipe.ends[0], capnp::rpc::twoparty::Side::SERVER, kj::heap<Echo>(), max_message_bytes),
        client(*pipe.ends[1], capnp::rpc::twoparty::Side::CLIENT, nullptr, 64 * mebibyte) {
    capnp::MallocMessageBuilder message;
    auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
    vat.setSide(capnp::rpc::twoparty::Side::SERVER);
    kj::Own<capnp::ClientHook> none;
    engram = kj::heap<schema::Engram::Client>(client.rpc.bootstrap(vat).castAs<schema::Engram>());
  }

  kj::Promise<std::string> ping(const std::string& payload) {
    auto request = engram->pingRequest();
    request.setPayload(kj::arrayPtr(reinterpret_cast<const kj::byte*>(payload.data()), payload.size()));
    return request.send().then([](auto&& reply) {
      auto answer = reply.getPayload();
      return std::string(reinterpret_cast<const char*>(answer.begin()), answer.size());
    });
  }

  kj::AsyncIoContext io;
  kj::TwoWayPipe pipe;
  Side server;
  Side client;
  kj::Own<schema::Engram::Client> engram;
};

std::string payload_of(std::size_t size, int seed) {
  std::string payload(size, '\0');
  for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 31 + static_cast<std::size_t>(seed));
  return payload;
}

kj::Array<kj::byte> framed_text(const std::string& text) {
  capnp::MallocMessageBuilder message;
  message.initRoot<capnp::AnyPointer>().setAs<capnp::Text>(text.c_str());
  auto words = capnp::messageToFlatArray(message);
  return kj::heapArray(words.asBytes());
}

}  // namespace

TEST_CASE("calls of every size are answered with what was sent") {
  Connected connected;
  for (std::size_t size : {0, 1, 7, 100, 4000, 8000, 8192, 16'300, 16'400, 65'536, 1'000'000, 9'000'000}) {
    CAPTURE(size);
    auto payload = payload_of(size, 3);
    CHECK(connected.ping(payload).wait(connected.io.waitScope) == payload);
  }
}

TEST_CASE("a thousand calls in flight, large among small, are all answered, in few system calls") {
  Connected connected;
  connected.ping("warm up").wait(connected.io.waitScope);
  int writes_before = connected.server.counted.writes + connected.client.counted.writes;
  std::vector<kj::Promise<std::string>> answers;
  for (int i = 0; i < 1000; ++i) answers.push_back(connected.ping(payload_of(i % 100 == 99 ? 40'000 : 40, i)));
  for (int i = 0; i < 1000; ++i) {
    CHECK(answers[i].wait(connected.io.waitScope) == payload_of(i % 100 == 99 ? 40'000 : 40, i));
  }
  int writes = connected.server.counted.writes + connected.client.counted.writes - writes_before;
  CHECK(writes < 300);   // the library's own stream makes 3,000
}

TEST_CASE("a call and the finish of the one before share a write, an answer is one write, and a read takes a message") {
  Connected connected;
  connected.ping("warm up").wait(connected.io.waitScope);
  auto before = [&](CountingStream& stream) { return std::pair(stream.reads, stream.writes); };
  auto [client_reads, client_writes] = before(connected.client.counted);
  auto [server_reads, server_writes] = before(connected.server.counted);
  kj::Promise<void> chain = kj::READY_NOW;
  for (int i = 0; i < 100; ++i) {
    chain = chain.then([&] { return connected.ping("x"); }).then([](std::string&&) {});
  }
  chain.wait(connected.io.waitScope);
  CHECK(connected.client.counted.writes - client_writes <= 102);
  CHECK(connected.server.counted.writes - server_writes <= 101);
  CHECK(connected.client.counted.reads - client_reads <= 102);
  CHECK(connected.server.counted.reads - server_reads <= 102);
}

TEST_CASE("a message that arrives byte by byte is put together, and the end between messages is an end") {
  auto io = kj::setupAsyncIo();
  auto pipe = io.provider->newTwoWayPipe();
  BatchedMessageStream stream(*pipe.ends[1], mebibyte);
  auto first = framed_text("first");
  auto second = framed_text(std::string(20'000, 'x'));
  auto received = stream.tryReadMessage(nullptr, {}, nullptr);
  for (auto byte : first) pipe.ends[0]->write(&byte, 1).wait(io.waitScope);
  KJ_IF_MAYBE (message, received.wait(io.waitScope)) {
    CHECK(std::string(message->reader->getRoot<capnp::AnyPointer>().getAs<capnp::Text>().cStr()) == "first");
  } else {
    FAIL("no message");
  }
  auto large = stream.tryReadMessage(nullptr, {}, nullptr);
  pipe.ends[0]->write(second.begin(), 10).wait(io.waitScope);
  pipe.ends[0]->write(second.begin() + 10, 9990).wait(io.waitScope);
  CHECK_FALSE(large.poll(io.waitScope));
  CHECK(stream.received_bytes() == first.size() + 10'000);  // it is slow, and not silent
  pipe.ends[0]->write(second.begin() + 10'000, second.size() - 10'000).wait(io.waitScope);
  KJ_IF_MAYBE (message, large.wait(io.waitScope)) {
    CHECK(message->reader->getRoot<capnp::AnyPointer>().getAs<capnp::Text>().size() == 20'000);
  } else {
    FAIL("no message");
  }
  CHECK(stream.received_bytes() == first.size() + second.size());
  pipe.ends[0]->shutdownWrite();
  CHECK(stream.tryReadMessage(nullptr, {}, nullptr).wait(io.waitScope) == nullptr);
}

TEST_CASE("an end in the middle of a message is an error") {
  auto io = kj::setupAsyncIo();
  auto message = framed_text(GENERATE(std::string("short"), std::string(20'000, 'x')));
  auto cut = GENERATE(std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{17});
  auto pipe = io.provider->newTwoWayPipe();
  BatchedMessageStream stream(*pipe.ends[1], mebibyte);
  pipe.ends[0]->write(message.begin(), cut).wait(io.waitScope);
  pipe.ends[0]->shutdownWrite();
  auto read = [&] { stream.tryReadMessage(nullptr, {}, nullptr).wait(io.waitScope); };
  CHECK(kj::runCatchingExceptions(read) != nullptr);
}

TEST_CASE("a header that claims too much is refused before memory is taken") {
  auto io = kj::setupAsyncIo();
  auto pipe = io.provider->newTwoWayPipe();
  BatchedMessageStream stream(*pipe.ends[1], 64 * 1024);
  struct Header {
    std::uint32_t segments_less_one;
    std::uint32_t words;
  };
  Header header = GENERATE(Header{0, 8192}, Header{0, 0xFFFFFFFF}, Header{0xFFFFFFFF, 1}, Header{512, 1}, Header{0x7FFFFFFF, 1});
  pipe.ends[0]->write(&header, sizeof header).wait(io.waitScope);
  auto read = [&] { stream.tryReadMessage(nullptr, {}, nullptr).wait(io.waitScope); };
  CHECK(kj::runCatchingExceptions(read) != nullptr);
}

TEST_CASE("the limit of bytes is for calls too, and can be raised while connected") {
  Connected connected(64 * 1024);
  connected.ping("authenticate").wait(connected.io.waitScope);
  connected.server.stream.set_max_message_bytes(2 * mebibyte);
  CHECK(connected.ping(payload_of(mebibyte, 1)).wait(connected.io.waitScope).size() == mebibyte);
  CHECK(kj::runCatchingExceptions([&] {
          connected.ping(payload_of(3 * mebibyte, 1)).wait(connected.io.waitScope);
        }) != nullptr);
}

TEST_CASE("a writer waits for a reader that does not read") {
  auto io = kj::setupAsyncIo();
  auto pipe = io.provider->newTwoWayPipe();
  BatchedMessageStream stream(*pipe.ends[0], mebibyte);
  capnp::MallocMessageBuilder message;
  message.initRoot<capnp::rpc::Message>().initUnimplemented().initCall().initParams().getContent().setAs<capnp::Text>(
      std::string(8000, 'x').c_str());
  std::size_t written = 0;
  bool waits = false;
  while (!waits && written < 64 * mebibyte) {
    auto promise = stream.writeMessage(nullptr, message.getSegmentsForOutput());
    waits = !promise.poll(io.waitScope);
    if (waits) break;
    promise.wait(io.waitScope);
    written += 8000;
  }
  CHECK(waits);
}

TEST_CASE("while its gate is shut a stream reads nothing, and goes on once a write has opened it") {
  auto io = kj::setupAsyncIo();
  auto pipe = io.provider->newTwoWayPipe();
  BatchedMessageStream stream(*pipe.ends[1], mebibyte);
  bool open = false;
  stream.set_read_gate([&] { return open; });
  auto question = framed_text("question");
  auto sent = pipe.ends[0]->write(question.begin(), question.size());
  auto received = stream.tryReadMessage(nullptr, {}, nullptr);
  CHECK_FALSE(received.poll(io.waitScope));
  CHECK(stream.received_bytes() == 0);
  open = true;
  kj::byte taken[1024];
  auto read = pipe.ends[0]->tryRead(taken, 1, sizeof taken);
  // A message of the RPC protocol: the stream looks whether it is urgent.
  capnp::MallocMessageBuilder release;
  release.initRoot<capnp::rpc::Message>().initRelease().setReferenceCount(1);
  stream.writeMessage(nullptr, release.getSegmentsForOutput()).wait(io.waitScope);
  CHECK(read.wait(io.waitScope) > 0);
  CHECK(received.wait(io.waitScope) != nullptr);
}

TEST_CASE("questions that are not finished are bounded, finished ones are not") {
  Connected connected;
  connected.server.stream.set_max_open_questions(10);
  for (int i = 0; i < 100; ++i) CHECK(connected.ping("again").wait(connected.io.waitScope) == "again");
  CHECK_FALSE(connected.server.stream.too_many_questions());
  std::vector<kj::Promise<std::string>> at_once;
  for (int i = 0; i < 100; ++i) at_once.push_back(connected.ping("too many"));
  CHECK_THROWS(at_once.back().wait(connected.io.waitScope));
  CHECK(connected.server.stream.too_many_questions());
}
