#include "cluster/peers/network_handshake.h"

#include <utility>

#include "cluster/peers/network_check.h"
#include "cluster/peers/network_hello.h"
#include "cluster/peers/network_message.h"

namespace engram {

/// One connection's. Its promises are destroyed before it is.
class Handshakes::Handshake {
 public:
  Handshake(Handshakes& all, kj::Own<kj::AsyncIoStream> stream, std::optional<std::uint32_t> called)
      : all_(all), called_(called), network_stream_(kj::mv(stream)) {}

  kj::Promise<HandshakeEnd> run() {
    prepare_tcp(*network_stream_);
    auto steps = kj::evalNow([this] { return secure(); }).then([this] { return called_ ? ask() : answer(); });
    return all_.timer_.timeoutAfter(all_.options_.handshake_timeout_ms * kj::MILLISECONDS, kj::mv(steps))
        .catch_([this](kj::Exception&& exception) { return failed(exception); })
        .then([this](HandshakeEnd end) { return leave(std::move(end)); });
  }

 private:
  kj::Promise<void> secure() {
    if (!all_.tls_) return kj::READY_NOW;
    // The stream below stays ours: if TLS fails, its reason still has to get to the other end.
    kj::Own<kj::AsyncIoStream> below(network_stream_.get(), kj::NullDisposer::instance);
    auto handshake = called_ ? all_.tls_->call(kj::mv(below), *called_) : all_.tls_->accept(kj::mv(below));
    return handshake.then([this](kj::AuthenticatedStream secured) {
      encrypted_stream_ = kj::mv(secured.stream);
      identity_ = kj::mv(secured.peerIdentity);
    });
  }

  kj::Promise<HandshakeEnd> ask() {
    introduce();
    ours_.wanted = *called_;
    ours_.connection = all_.random_.next64();
    return send(hello_message(ours_))
        .then([this] { return hear_hello(); })
        .then([this] { return hear_verdict(); })
        .then([this](Status verdict) -> kj::Promise<HandshakeEnd> {
          if (!verdict.ok()) return refusal(true, std::move(verdict));
          Status ours = judge();
          return send(verdict_message(ours)).then([this, ours] { return ours.ok() ? hand_over() : refusal(false, ours); });
        });
  }

  kj::Promise<HandshakeEnd> answer() {
    return hear_hello().then([this]() -> kj::Promise<HandshakeEnd> {
      introduce();
      ours_.connection = theirs_.connection;
      Status ours = judge();
      auto sent = send(hello_message(ours_)).then([this, ours] { return send(verdict_message(ours)); });
      if (!ours.ok()) return sent.then([this, ours] { return refusal(false, ours); });
      return sent.then([this] { return hear_verdict(); }).then([this](Status verdict) {
        return verdict.ok() ? hand_over() : refusal(true, std::move(verdict));
      });
    });
  }

  void introduce() {
    ours_.self = all_.options_.introduce();
    ours_.self.ordinal = all_.options_.ordinal;
    introduced_ = true;
  }

  Status judge() {
    if (all_.tls_ && !called_) {
      Status certificate = all_.tls_->check_caller(*identity_, theirs_.self.ordinal);
      if (!certificate.ok()) return certificate;
    }
    if (Status check = check_greeting(ours_, theirs_, called_.has_value()); !check.ok()) return check;
    return all_.options_.judge(theirs_.self);
  }

  kj::AsyncIoStream& stream() { return encrypted_stream_.get() == nullptr ? *network_stream_ : *encrypted_stream_; }

  kj::Promise<void> send(kj::Array<capnp::word> message) {
    auto bytes = message.asBytes();
    return stream().write(bytes.begin(), bytes.size()).attach(kj::mv(message));
  }

  kj::Promise<void> hear_hello() {
    return read_small_message(stream()).then([this](kj::Array<capnp::word> message) {
      auto hello = parse_hello(message);
      if (!hello.ok()) return malformed(hello.status());
      theirs_ = *hello;
    });
  }

  kj::Promise<Status> hear_verdict() {
    return read_small_message(stream()).then([](kj::Array<capnp::word> message) {
      Status verdict;
      if (Status parsed = parse_verdict(message, verdict); !parsed.ok()) malformed(parsed);
      return verdict;
    });
  }

  static void malformed(const Status& why) {
    kj::throwFatalException(
        kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::heapString(why.message().c_str())));
  }

  HandshakeEnd hand_over() {
    auto socket = release();
    if (!socket.ok()) return {false, false, false, socket.status()};
    all_.options_.connected({socket->release(), ours_.connection, called_.has_value(), theirs_.self});
    return {true, false, false, {}};
  }

  Result<kj::AutoCloseFd> release() {
    if (encrypted_stream_.get() == nullptr) return release_socket(kj::mv(network_stream_));
    return all_.pumps_.attach(encrypted_stream_.attach(kj::mv(network_stream_)));
  }

  /// The other end knows, or is told by a message that is on its way.
  HandshakeEnd refusal(bool by_peer, Status why) {
    parts_ = !by_peer;
    return tell({false, true, by_peer, std::move(why)});
  }

  HandshakeEnd failed(const kj::Exception& exception) {
    if (is_tls_failure(exception)) return tls_failed(is_tls_alert(exception), reason_in(exception));
    std::string why = reason_in(exception);
    if (exception.getType() == kj::Exception::Type::DISCONNECTED) {
      why = "it closed the connection in the handshake";
      if (called_) why += "; its log says why";
    }
    return {false, false, false, {Code::unavailable, why}};
  }

  HandshakeEnd tls_failed(bool by_peer, const std::string& reason) {
    tls_failed_ = true;
    parts_ = !by_peer;
    if (!called_)
      return tell({false, true, by_peer,
                   {Code::unauthenticated, "no TLS, or no certificate of this cluster: " + reason, "cluster.ca"}});
    if (by_peer)
      return tell({false, true, true,
                   {Code::unauthenticated,
                    "it does not take this node's certificate: " + reason +
                        "; check cluster.certificate here, and cluster.ca there",
                    "cluster.certificate"}});
    return tell({false, true, false,
                 {Code::unauthenticated,
                  "it shows no certificate of this cluster for " + all_.tls_->name_of(*called_) + ": " + reason +
                      "; check cluster.certificate there, and cluster.ca here",
                  "cluster.ca"}});
  }

  /// Tells the owner, if it is about a node.
  HandshakeEnd tell(HandshakeEnd end) {
    std::uint32_t ordinal = called_.value_or(theirs_.self.ordinal);
    bool is_node = called_ || (introduced_ && ordinal < ours_.self.nodes && ordinal != ours_.self.ordinal);
    if (is_node) all_.options_.refused(ordinal, end.refused_by_peer, end.why);
    return end;
  }

  kj::Promise<HandshakeEnd> leave(HandshakeEnd end) {
    if (!parts_) return end;
    if (tls_failed_) encrypted_stream_ = nullptr;  // the reason is below it already
    return part(stream(), all_.timer_).then([end = std::move(end)] { return end; });
  }

  Handshakes& all_;
  const std::optional<std::uint32_t> called_;
  kj::Own<kj::AsyncIoStream> network_stream_;
  kj::Own<kj::AsyncIoStream> encrypted_stream_;  // on top of the one before
  kj::Own<kj::PeerIdentity> identity_;
  PeerGreeting ours_, theirs_;
  bool introduced_ = false;
  bool tls_failed_ = false;
  bool parts_ = false;  // the other end is to hear our last words
};

Handshakes::Handshakes(const PeerNetworkOptions& options, Random& random, kj::AsyncIoContext& io)
    : options_(options), random_(random), timer_(io.provider->getTimer()), pumps_(io) {
  if (options.tls != nullptr) tls_.emplace(*options.tls, options.certificate_name);
}

kj::Promise<HandshakeEnd> Handshakes::call(kj::Own<kj::AsyncIoStream> stream, std::uint32_t ordinal) {
  return run(kj::mv(stream), ordinal);
}

kj::Promise<HandshakeEnd> Handshakes::answer(kj::Own<kj::AsyncIoStream> stream) { return run(kj::mv(stream), std::nullopt); }

kj::Promise<HandshakeEnd> Handshakes::run(kj::Own<kj::AsyncIoStream> stream, std::optional<std::uint32_t> called) {
  auto handshake = kj::heap<Handshake>(*this, kj::mv(stream), called);
  auto end = handshake->run();
  return end.attach(kj::mv(handshake));
}

}  // namespace engram
