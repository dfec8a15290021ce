#pragma once
// The asynchronous layer: one connection, on the caller's kj event loop, and every call as a promise. The blocking Client
// is made of it. For programs that live on kj anyway (load generators, gateways); others want client.h.
//
// What the engine answers comes as a Status in the Result; a rejected promise (kj::Exception, DISCONNECTED) means that the
// connection is lost. Nothing here retries: that is the Client's part.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <kj/async-io.h>

#include "client/engram/client.h"
#include "schema/client.capnp.h"

namespace engram::client {

struct Access {
  schema::Session::Client session;
  Role role = Role::read;
};

/// What `open_space` gives. The calls may be made from several of its copies; they end with the connection.
struct OpenSpace {
  SpaceInfo info;
  schema::Reader::Client reader;
  kj::Maybe<schema::Writer::Client> writer;   // null for the role read
};

class Connection {
 public:
  /// Connects and, if asked, does the TLS handshake. A Status only for what trying again cannot heal (certificates).
  /// `provider` must outlive the connection.
  static kj::Promise<Result<kj::Own<Connection>>> connect(kj::AsyncIoProvider& provider, std::string server,
                                                          TlsOptions tls = {});
  ~Connection() noexcept(false);
  KJ_DISALLOW_COPY(Connection);

  /// The bootstrap capability.
  schema::Engram::Client engram();
  /// An empty token asks for open mode.
  kj::Promise<Result<Access>> authenticate(const std::string& token);
  kj::Promise<void> on_disconnect();
  /// All that came from the other side, messages in part too.
  [[nodiscard]] std::uint64_t received_bytes() const;
  /// What the other side has taken in, while there is more on its way; null: there is nothing on its way, or it is not known
  /// (Unix sockets).
  [[nodiscard]] kj::Maybe<std::uint64_t> taken_bytes();

  struct Impl;
  explicit Connection(kj::Own<Impl> impl);

 private:
  kj::Own<Impl> impl_;
};

kj::Promise<Result<OpenSpace>> open_space(schema::Session::Client session, const std::string& name);
kj::Promise<Result<ServerInfo>> server_info(schema::Session::Client session);
kj::Promise<Result<std::vector<SpaceInfo>>> list_spaces(schema::Session::Client session, const std::string& after);
kj::Promise<Result<schema::Admin::Client>> open_admin(schema::Session::Client session);

/// Sends a command as it is. The outcome says committed or failed as the engine answered: whether a failure leaves the
/// fate of the command unknown (deadline_exceeded, unavailable) is for the caller to judge.
kj::Promise<Outcome> submit(schema::Writer::Client writer, kj::ArrayPtr<const kj::byte> command,
                            std::uint32_t timeout_ms);
kj::Promise<Outcome> submit(schema::Admin::Client admin, kj::ArrayPtr<const kj::byte> command,
                            std::uint32_t timeout_ms);

// --- Reads. The query may go as soon as the function returns.
kj::Promise<Result<std::vector<Vertex>>> get(schema::Reader::Client reader, std::span<const VertexRef> vertices,
                                             const Projection& projection, std::uint32_t timeout_ms);
kj::Promise<Result<std::vector<Edge>>> get_edges(schema::Reader::Client reader, std::span<const EdgeKey> edges,
                                                 const Projection& projection, std::uint32_t timeout_ms);
kj::Promise<Result<NeighborsPage>> neighbors(schema::Reader::Client reader, const VertexRef& vertex,
                                             const NeighborsQuery& query, std::uint32_t timeout_ms);
kj::Promise<Result<Degree>> degree(schema::Reader::Client reader, const VertexRef& vertex,
                                   std::span<const std::string> types, std::uint32_t timeout_ms);
kj::Promise<Result<Expansion>> expand(schema::Reader::Client reader, const ExpandQuery& query,
                                      std::uint32_t timeout_ms);
kj::Promise<Result<Path>> path(schema::Reader::Client reader, const VertexRef& source, const VertexRef& target,
                               const PathQuery& query, std::uint32_t timeout_ms);
kj::Promise<Result<Recall>> recall(schema::Reader::Client reader, const RecallQuery& query, std::uint32_t timeout_ms);
kj::Promise<Result<Lookup>> lookup(schema::Reader::Client reader, const LookupQuery& query, std::uint32_t timeout_ms);
kj::Promise<Result<Statistics>> statistics(schema::Reader::Client reader, std::uint32_t timeout_ms);

}  // namespace engram::client
