#include "cluster/peers/network_hello.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <capnp/message.h>
#include <capnp/serialize.h>

#include "schema/peer.capnp.h"

namespace engram {
namespace {

constexpr std::size_t max_name_bytes = 253;  // of a host name
constexpr std::size_t max_version_bytes = 64;
constexpr std::size_t max_field_bytes = 256;
constexpr std::size_t max_address_bytes = 320;
constexpr std::size_t max_message_bytes = 2048;

Status malformed(const char* what) { return {Code::corrupt, what}; }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// As the other end takes it.
kj::StringPtr plain(std::string& text, std::size_t limit_bytes) {
  std::replace_if(text.begin(), text.end(), is_control, ' ');
  // Not within a character of UTF-8: its later bytes begin with the bits 10.
  if (text.size() > limit_bytes) {
    while (limit_bytes > 0 && (static_cast<unsigned char>(text[limit_bytes]) & 0xC0) == 0x80) --limit_bytes;
    text.resize(limit_bytes);
  }
  return {text.c_str(), text.size()};
}

/// What a stranger says of itself gets into log lines and messages.
bool is_plain(capnp::Text::Reader text, std::size_t limit_bytes) {
  return text.size() <= limit_bytes && std::none_of(text.begin(), text.end(), is_control);
}

void write_id(const Id128& id, capnp::Data::Builder out) { std::memcpy(out.begin(), id.bytes.data(), id.bytes.size()); }

bool read_id(capnp::Data::Reader data, Id128& id) {
  if (data.size() == 0) return true;
  if (data.size() != id.bytes.size()) return false;
  std::memcpy(id.bytes.data(), data.begin(), id.bytes.size());
  return true;
}

capnp::ReaderOptions reader_options() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 4096;
  options.nestingLimit = 8;
  return options;
}

Status read_hello(schema::PeerHello::Reader hello, PeerGreeting& greeting) {
  Introduction& self = greeting.self;
  if (!read_id(hello.getClusterId(), self.cluster_id) || !read_id(hello.getDiskId(), self.disk_id))
    return malformed("it says an identity that has not 16 bytes");
  if (!is_plain(hello.getName(), max_name_bytes) || !is_plain(hello.getVersion(), max_version_bytes) ||
      !is_plain(hello.getClientAddress(), max_address_bytes))
    return malformed("it says a name, a version or an address that is none");
  self.name = hello.getName().cStr();
  self.version = hello.getVersion().cStr();
  self.ordinal = hello.getOrdinal();
  self.nodes = hello.getNodes();
  self.partitions = hello.getPartitions();
  self.feature_level = hello.getFeatureLevel();
  self.newest_level = hello.getNewestLevel();
  self.client_address = hello.getClientAddress().cStr();
  self.incarnation = {hello.getStarts(), hello.getProcess()};
  greeting.oldest_protocol = hello.getOldestProtocol();
  greeting.newest_protocol = hello.getNewestProtocol();
  greeting.wanted = hello.getWanted();
  greeting.connection = hello.getConnection();
  return {};
}

}  // namespace

kj::Array<capnp::word> hello_message(const PeerGreeting& greeting) {
  const Introduction& self = greeting.self;
  capnp::MallocMessageBuilder message;
  auto hello = message.initRoot<schema::PeerHello>();
  std::string name = self.name, version = self.version, address = self.client_address;
  hello.setName(plain(name, max_name_bytes));
  hello.setVersion(plain(version, max_version_bytes));
  if (self.cluster_id != Id128{}) write_id(self.cluster_id, hello.initClusterId(sizeof self.cluster_id.bytes));
  if (self.disk_id != Id128{}) write_id(self.disk_id, hello.initDiskId(sizeof self.disk_id.bytes));
  hello.setOrdinal(static_cast<std::uint16_t>(self.ordinal));
  hello.setNodes(static_cast<std::uint16_t>(self.nodes));
  hello.setPartitions(self.partitions);
  hello.setFeatureLevel(self.feature_level);
  hello.setNewestLevel(self.newest_level);
  hello.setClientAddress(plain(address, max_address_bytes));
  hello.setStarts(self.incarnation.starts);
  hello.setProcess(self.incarnation.process);
  hello.setOldestProtocol(greeting.oldest_protocol);
  hello.setNewestProtocol(greeting.newest_protocol);
  hello.setWanted(static_cast<std::uint16_t>(greeting.wanted));
  hello.setConnection(greeting.connection);
  return capnp::messageToFlatArray(message);
}

kj::Array<capnp::word> verdict_message(const Status& verdict) {
  capnp::MallocMessageBuilder message;
  auto error = message.initRoot<schema::PeerVerdict>().initError();
  error.setCode(static_cast<schema::ErrorCode>(verdict.code()));
  std::string text = verdict.message(), field = verdict.field();
  if (!text.empty()) error.setMessage(plain(text, max_message_bytes));
  if (!field.empty()) error.setField(plain(field, max_field_bytes));
  error.setLimit(verdict.limit());
  return capnp::messageToFlatArray(message);
}

Result<PeerGreeting> parse_hello(kj::ArrayPtr<const capnp::word> message) {
  PeerGreeting greeting;
  Status read;
  auto broken = kj::runCatchingExceptions([&] {
    capnp::FlatArrayMessageReader reader(message, reader_options());
    read = read_hello(reader.getRoot<schema::PeerHello>(), greeting);
  });
  if (broken != nullptr) return malformed("it says what is no PeerHello");
  if (!read.ok()) return read;
  return greeting;
}

Status parse_verdict(kj::ArrayPtr<const capnp::word> message, Status& verdict) {
  Status read;
  auto broken = kj::runCatchingExceptions([&] {
    capnp::FlatArrayMessageReader reader(message, reader_options());
    auto error = reader.getRoot<schema::PeerVerdict>().getError();
    if (!is_plain(error.getMessage(), max_message_bytes) || !is_plain(error.getField(), max_field_bytes)) {
      read = malformed("it refuses with a text that is none");
      return;
    }
    verdict = {static_cast<Code>(error.getCode()), error.getMessage().cStr(), error.getField().cStr(), error.getLimit()};
  });
  if (broken != nullptr) return malformed("it says what is no PeerVerdict");
  return read;
}

}  // namespace engram
