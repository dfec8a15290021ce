#include "client/engram/connection.h"

#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>

#include <linux/tcp.h>
#include <netinet/in.h>

#include <capnp/rpc-twoparty.h>
#include <kj/compat/tls.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "client/convert.h"
#include "schema/rpc/message_stream.h"
#include "storage/base/error_text.h"
#include "storage/base/pem.h"

namespace engram::client {

namespace {

constexpr unsigned default_port = 9470;
// The largest answer that is taken: 512 MiB. The engine's own limits are far below.
constexpr std::uint64_t traversal_limit_words = 64 * 1024 * 1024;

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(Code::invalid_argument, "cannot read " + path + ": " + error_text(errno), "tls");
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

Result<kj::Array<kj::TlsCertificate>> read_bundle(const std::string& path) {
  auto pem = read_file(path);
  if (!pem.ok()) return pem.status();
  kj::Vector<kj::TlsCertificate> certificates;
  for (const auto& certificate : pem_certificates(*pem)) certificates.add(kj::StringPtr(certificate));
  if (certificates.empty()) return Status(Code::invalid_argument, path + " holds no PEM certificate", "tls");
  return certificates.releaseAsArray();
}

/// The host of "host:port" and "[v6]:port".
std::string host_of(const std::string& server) {
  if (server.starts_with("[")) return server.substr(1, server.find(']') - 1);
  return server.substr(0, server.rfind(':'));
}

/// kj and OpenSSL would offer no certificate at all, and the server ask for one. What cannot be parsed is for kj to tell.
bool belong_together(const std::string& certificate_pem, const std::string& key_pem) {
  auto text = [](const std::string& pem) {
    return std::unique_ptr<BIO, decltype(&BIO_free)>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  };
  auto certificate_text = text(certificate_pem), key_text = text(key_pem);
  pem_password_cb* no_passphrase = [](char*, int, int, void*) { return -1; };
  std::unique_ptr<X509, decltype(&X509_free)> certificate(
      PEM_read_bio_X509(certificate_text.get(), nullptr, no_passphrase, nullptr), &X509_free);
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_passphrase, nullptr), &EVP_PKEY_free);
  bool differ = certificate && key && X509_check_private_key(certificate.get(), key.get()) != 1;
  ERR_clear_error();
  return !differ;
}

Result<kj::Own<kj::TlsContext>> make_tls_context(const TlsOptions& tls) {
  kj::TlsContext::Options options;
  kj::Array<kj::TlsCertificate> trusted;
  kj::Maybe<kj::TlsKeypair> keypair;
  try {
    if (!tls.ca_file.empty()) {
      auto bundle = read_bundle(tls.ca_file);
      if (!bundle.ok()) return bundle.status();
      trusted = kj::mv(bundle.value());
      options.trustedCertificates = trusted;
      options.useSystemTrustStore = false;
    }
    if (!tls.certificate_file.empty()) {
      auto certificate = read_file(tls.certificate_file);
      auto key = read_file(tls.key_file);
      if (!certificate.ok()) return certificate.status();
      if (!key.ok()) return key.status();
      if (!belong_together(*certificate, *key))
        return Status(Code::invalid_argument,
                      "the private key in " + tls.key_file + " does not belong to the certificate in " + tls.certificate_file,
                      "tls");
      keypair = kj::TlsKeypair{kj::TlsPrivateKey(kj::StringPtr(*key)), kj::TlsCertificate(kj::StringPtr(*certificate))};
      KJ_IF_MAYBE (pair, keypair) options.defaultKeypair = *pair;
    }
    return kj::heap<kj::TlsContext>(kj::mv(options));
  } catch (const kj::Exception& error) {
    return Status(Code::invalid_argument, std::string("the TLS files cannot be used: ") + error.getDescription().cStr(),
                  "tls");
  }
}

}  // namespace

// Members are destroyed from the last to the first: the RPC system before the stream below it.
struct Connection::Impl {
  Impl(kj::Own<kj::TlsContext> context, kj::Own<kj::AsyncIoStream> connected)
      : tls(kj::mv(context)),
        stream(kj::mv(connected)),
        messages(*stream, traversal_limit_words * sizeof(capnp::word)),
        network(messages, capnp::rpc::twoparty::Side::CLIENT, reader_options()),
        rpc(capnp::makeRpcClient(network)) {}

  static capnp::ReaderOptions reader_options() {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = traversal_limit_words;
    return options;
  }

  schema::Engram::Client bootstrap() {
    capnp::MallocMessageBuilder message(4);
    auto server = message.initRoot<capnp::rpc::twoparty::VatId>();
    server.setSide(capnp::rpc::twoparty::Side::SERVER);
    return rpc.bootstrap(server).castAs<schema::Engram>();
  }

  kj::Own<kj::TlsContext> tls;   // may be null
  kj::Own<kj::AsyncIoStream> stream;
  rpc::BatchedMessageStream messages;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

Connection::Connection(kj::Own<Impl> impl) : impl_(kj::mv(impl)) {}
Connection::~Connection() noexcept(false) = default;

kj::Promise<Result<kj::Own<Connection>>> Connection::connect(kj::AsyncIoProvider& provider, std::string server,
                                                             TlsOptions tls) {
  using Connected = Result<kj::Own<Connection>>;
  bool encrypted = tls.enabled || !tls.ca_file.empty() || !tls.server_name.empty() || !tls.certificate_file.empty();
  kj::Own<kj::TlsContext> context;
  if (encrypted) {
    auto made = make_tls_context(tls);
    if (!made.ok()) return Connected(made.status());
    context = kj::mv(made.value());
  }
  auto name = tls.server_name.empty() ? host_of(server) : tls.server_name;
  return provider.getNetwork()
      .parseAddress(kj::StringPtr(server), default_port)
      .then([](kj::Own<kj::NetworkAddress>&& address) {
        auto connected = address->connect();
        return connected.attach(kj::mv(address));
      })
      .then([context = kj::mv(context), name = kj::mv(name)](
                kj::Own<kj::AsyncIoStream>&& stream) mutable -> kj::Promise<Connected> {
        if (context.get() == nullptr)
          return Connected(kj::heap<Connection>(kj::heap<Impl>(kj::mv(context), kj::mv(stream))));
        auto handshake = context->wrapClient(kj::mv(stream), kj::StringPtr(name));
        return handshake.then(
            [context = kj::mv(context)](kj::Own<kj::AsyncIoStream>&& secure) mutable -> Connected {
              return kj::heap<Connection>(kj::heap<Impl>(kj::mv(context), kj::mv(secure)));
            },
            [name](kj::Exception&& error) -> Connected {
              if (error.getType() == kj::Exception::Type::DISCONNECTED) kj::throwFatalException(kj::mv(error));
              return Status(Code::unauthenticated, std::string("TLS: ") + error.getDescription().cStr() +
                                                       ". The engine's certificate has to be valid for '" + name +
                                                       "' and signed by a trusted authority (--ca, --tls-name)");
            });
      });
}

schema::Engram::Client Connection::engram() { return impl_->bootstrap(); }
kj::Promise<void> Connection::on_disconnect() { return impl_->network.onDisconnect(); }
std::uint64_t Connection::received_bytes() const { return impl_->messages.received_bytes(); }

kj::Maybe<std::uint64_t> Connection::taken_bytes() {
  tcp_info tcp{};
  kj::uint size = sizeof tcp;
  auto refused =
      kj::runCatchingExceptions([&] { impl_->stream->getsockopt(IPPROTO_TCP, TCP_INFO, &tcp, &size); });
  bool on_its_way = tcp.tcpi_unacked != 0 || tcp.tcpi_notsent_bytes != 0;
  if (refused != nullptr || !on_its_way) return nullptr;
  return std::uint64_t{tcp.tcpi_bytes_acked};
}

kj::Promise<Result<Access>> Connection::authenticate(const std::string& token) {
  auto request = engram().authenticateRequest();
  request.setToken(as_data(token));
  return request.send().then([](auto&& response) -> Result<Access> {
    if (auto status = read(response.getError()); !status.ok()) return status;
    return Access{response.getSession(), static_cast<Role>(response.getRole())};
  });
}

kj::Promise<Result<OpenSpace>> open_space(schema::Session::Client session, const std::string& name) {
  auto request = session.openSpaceRequest();
  request.setName(text(name));
  return request.send().then([](auto&& response) -> Result<OpenSpace> {
    if (auto status = read(response.getError()); !status.ok()) return status;
    OpenSpace space{read(response.getSpace()), response.getReader(), nullptr};
    if (response.hasWriter()) space.writer = response.getWriter();
    return space;
  });
}

kj::Promise<Result<ServerInfo>> server_info(schema::Session::Client session) {
  return session.infoRequest().send().then([](auto&& response) -> Result<ServerInfo> {
    if (auto status = read(response.getError()); !status.ok()) return status;
    return read(response.getInfo());
  });
}

kj::Promise<Result<std::vector<SpaceInfo>>> list_spaces(schema::Session::Client session, const std::string& after) {
  auto request = session.listSpacesRequest();
  request.setAfter(text(after));
  return request.send().then([session, after](auto&& response) mutable -> kj::Promise<Result<std::vector<SpaceInfo>>> {
    using Spaces = Result<std::vector<SpaceInfo>>;
    if (auto status = read(response.getError()); !status.ok()) return Spaces(status);
    std::vector<SpaceInfo> spaces;
    for (auto space : response.getSpaces()) spaces.push_back(read(space));
    if (!response.getMore() || spaces.empty()) return Spaces(std::move(spaces));
    auto rest = list_spaces(session, spaces.back().name);
    return rest.then([spaces = std::move(spaces)](Spaces&& more) mutable -> Spaces {
      if (!more.ok()) return more.status();
      spaces.insert(spaces.end(), more->begin(), more->end());
      return std::move(spaces);
    });
  });
}

kj::Promise<Result<schema::Admin::Client>> open_admin(schema::Session::Client session) {
  return session.adminRequest().send().then([](auto&& response) -> Result<schema::Admin::Client> {
    if (auto status = read(response.getError()); !status.ok()) return status;
    return response.getAdmin();
  });
}

namespace {

/// A message begins as eight kilobytes of zeros if it is not told its size.
capnp::MessageSize room_for(kj::ArrayPtr<const kj::byte> command) { return {command.size() / sizeof(capnp::word) + 32, 0}; }

template <typename Request>
kj::Promise<Outcome> send_command(Request request, kj::ArrayPtr<const kj::byte> command, std::uint32_t timeout_ms) {
  request.setCommand(command);
  request.setTimeoutMs(timeout_ms);
  return request.send().then([](auto&& response) { return read(response.getOutcome()); });
}

}  // namespace

kj::Promise<Outcome> submit(schema::Writer::Client writer, kj::ArrayPtr<const kj::byte> command,
                            std::uint32_t timeout_ms) {
  return send_command(writer.submitRequest(room_for(command)), command, timeout_ms);
}

kj::Promise<Outcome> submit(schema::Admin::Client admin, kj::ArrayPtr<const kj::byte> command,
                            std::uint32_t timeout_ms) {
  return send_command(admin.submitRequest(room_for(command)), command, timeout_ms);
}

}  // namespace engram::client
