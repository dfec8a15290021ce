#pragma once
// The blocking client: what an ordinary program uses. No knowledge of Cap'n Proto or kj is needed.
//
//   auto client = Client::connect({.server = "127.0.0.1:9470"});
//   if (!client.ok()) ...client.status().message()...
//   Batch batch;
//   batch.put_vertex("ada", {.labels = {"Person"}}).put_vertex("charles").link("ada", "KNOWS", "charles");
//   auto outcome = client->submit(batch);
//
// client/examples/hello.cpp is a whole program. For programs with a kj event loop of their own: connection.h.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/engram/batch.h"
#include "client/engram/types.h"
#include "storage/base/result.h"

namespace engram::client {

struct TlsOptions {
  bool enabled = false;
  std::string ca_file = {};            // PEM; trusted alone if given, else what the system trusts
  std::string server_name = {};        // the name in the certificate; empty: the host that is connected to
  std::string certificate_file = {};   // PEM, for servers that verify their clients
  std::string key_file = {};
};

struct Options {
  /// "host:port", "[v6]:port" or "unix:/path". Of a cluster several of these, separated by commas: any node answers for all of
  /// them. The client connects to one at random, and to the next one when it is gone or about to stop; it learns from it where
  /// the others are and what they own, and talks to the owner of a vertex directly where it can. One server alone is the one
  /// that is talked to.
  std::string server = "127.0.0.1:9470";
  std::string token = {};                  // empty: none, for an engine in open mode
  std::string space = "default";           // the graph to work on; empty: none, for calls on spaces and the engine
  TlsOptions tls = {};
  std::uint32_t timeout_ms = 5000;           // the deadline of a call, all its retries included
  std::uint32_t attempt_timeout_ms = 15000;  // a connection that is silent for so long counts as lost
  std::uint32_t connect_wait_ms = 5000;      // how long connect() goes on trying; 0: each server once
  std::uint32_t backoff_min_ms = 10;         // doubled with each attempt in a row up to the maximum, half of it jitter
  std::uint32_t backoff_max_ms = 1000;
  bool retry_conflicts = true;               // a batch that lost against another one is tried again, till the deadline
  std::function<std::uint64_t()> random = {};   // for session ids and jitter; default: the system's
};

/// What became of a change.
enum class Fate {
  committed,   // applied, and durable
  failed,      // refused, nothing was changed: status says why
  unknown,     // no answer before the deadline: applied or not. Ask again: Client::ask_again(batch, outcome)
};
struct Outcome {
  Fate fate = Fate::unknown;
  Status status;                 // ok if committed
  std::uint64_t sequence = 0;    // its number in the client's session
  std::uint64_t version = 0;     // the version of what it changed at the partition that decided
  PartitionId partition;
  std::int64_t accepted_ns = 0;
  std::uint32_t created = 0;
  std::uint32_t updated = 0;
  std::uint64_t deleted = 0;
  bool duplicate = false;        // an earlier attempt had succeeded; this is its answer
  SpaceId space;                 // of create_space
  [[nodiscard]] bool committed() const { return fate == Fate::committed; }
};

/// A client of one engine, or one cluster, and one space. For one thread: the one that made it. Several clients may live in one thread, and
/// any number of threads may have clients. A thread that runs a kj event loop of its own uses Connection instead.
///
/// A lost connection is made again on the next call, and a call in progress is repeated until its deadline: reads simply,
/// changes with the same session and sequence number, so that they are applied once however often they are sent.
/// `timeout_ms` 0 means Options::timeout_ms. No function throws.
class Client {
 public:
  /// Connects, authenticates and opens the space, if Options::space names one. A token that may use some spaces only can
  /// list them by a client without a space.
  static Result<Client> connect(Options options);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Answers what the engine said of itself at the last connect.
  [[nodiscard]] const ServerInfo& server() const;
  /// Without a name if the client works on no space: reads and changes answer invalid_argument then.
  [[nodiscard]] const SpaceInfo& space() const;
  /// The partition that holds the vertex with this key, whether or not there is one. Only speed depends on it: a batch
  /// whose vertices live in one partition, or whose edges all lead from one partition to one other, costs least.
  [[nodiscard]] PartitionId owner_of(std::string_view key) const;
  /// Works on another space from now on.
  Status use_space(std::string_view name);
  /// A round trip that touches no graph. The time it took, in nanoseconds.
  Result<std::int64_t> ping(std::size_t payload_bytes = 0);

  // --- Changes
  Outcome submit(Batch& batch, std::uint32_t timeout_ms = 0);
  Outcome submit(Batch&& batch, std::uint32_t timeout_ms = 0) { return submit(batch, timeout_ms); }
  /// Asks for the outcome of a batch that ended as `unknown`, or applies it now if it had not been. Never applies it twice.
  Outcome ask_again(Batch& batch, const Outcome& unknown, std::uint32_t timeout_ms = 0);

  // --- Reads
  /// In the order of `vertices`; Vertex::found tells whether there is one. 1 to 10,000.
  Result<std::vector<Vertex>> get(std::span<const VertexRef> vertices, const Projection& projection = {},
                                  std::uint32_t timeout_ms = 0);
  /// One vertex; unknown_vertex if there is none.
  Result<Vertex> get(const VertexRef& vertex, const Projection& projection = {}, std::uint32_t timeout_ms = 0);
  /// Those of `edges` that exist.
  Result<std::vector<Edge>> get_edges(std::span<const EdgeKey> edges, const Projection& projection = {},
                                      std::uint32_t timeout_ms = 0);
  Result<NeighborsPage> neighbors(const VertexRef& vertex, const NeighborsQuery& query = {},
                                  std::uint32_t timeout_ms = 0);
  Result<Degree> degree(const VertexRef& vertex, std::span<const std::string> types = {}, std::uint32_t timeout_ms = 0);
  Result<Expansion> expand(const ExpandQuery& query, std::uint32_t timeout_ms = 0);
  Result<Path> path(const VertexRef& source, const VertexRef& target, const PathQuery& query = {},
                    std::uint32_t timeout_ms = 0);
  Result<Recall> recall(const RecallQuery& query, std::uint32_t timeout_ms = 0);
  Result<Lookup> lookup(const LookupQuery& query, std::uint32_t timeout_ms = 0);
  Result<Statistics> statistics(std::uint32_t timeout_ms = 0);

  /// Streams every vertex that passes, page by page; `on_page` may call the client, and ends the scan by answering false.
  /// A lost connection is resumed behind the last page: every page comes once. `timeout_ms` bounds the wait for one page.
  /// The cursor behind the last page is returned: pass it in ScanQuery::cursor to go on.
  Result<std::string> scan(const ScanQuery& query, const std::function<bool(ScanPage&)>& on_page,
                           std::uint32_t timeout_ms = 0);

  // --- Spaces and the engine (role admin, but for list_spaces)
  Result<std::vector<SpaceInfo>> list_spaces();
  Outcome create_space(std::string_view name, Placement placement = Placement::spread, const Quota& quota = {});
  Outcome drop_space(std::string_view name);
  Outcome set_quota(std::string_view name, const Quota& quota);
  /// On the space that the client works on.
  Outcome declare_index(const Index& index);
  Outcome drop_index(const Index& index);
  /// The engine's state, as JSON text.
  Result<std::string> engine_statistics();
  /// Raises the feature level of the cluster to the highest that all of its nodes know, and gives it: from then on there is no
  /// way back to a version that does not know it. precondition_failed: a node is away, or older.
  Result<std::uint32_t> finalize();
  /// Has the node that this client is connected to take the next volume that comes as the node `ordinal` for right.
  Status forget_volume(std::uint32_t ordinal);

  /// Used by Loader.
  class Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace engram::client
