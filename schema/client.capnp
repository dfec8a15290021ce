@0xb0c6f1a7d3e94a04;
# What a client of Engram can call. A connection's bootstrap capability is `Engram`; what a client may do is what it holds:
# `authenticate` returns a Session that carries only what the token's role allows.
#
# Every result but that of `ping` has an `error`; if its code is not `none`, nothing else in the result is meaningful.
# RPC exceptions are left for broken connections and calls on capabilities that one does not hold.

using Cxx = import "/capnp/c++.capnp";
using Val = import "value.capnp";
using Err = import "error.capnp";
using Cmd = import "command.capnp";
$Cxx.namespace("engram::schema");

enum Role {
  read @0;                  # Reads.
  write @1;                 # Reads and batches.
  admin @2;                 # All that, spaces and indexes.
}

interface Engram {
  authenticate @0 (token :Data) -> (error :Err.Error, session :Session, role :Role);
  # An empty token is accepted only in open mode (by default: on loopback and without tokens configured).

  ping @1 (payload :Data) -> (payload :Data);
  # Answers what it got (at most 64 KiB), without touching the graph. Allowed before authentication.
}

interface Session {
  info @0 () -> (info :ServerInfo, error :Err.Error);
  openSpace @1 (name :Text) -> (error :Err.Error, space :SpaceInfo, reader :Reader, writer :Writer);
  # `writer` is null for the role read.
  listSpaces @2 (after :Text, limit :UInt32 = 1000) -> (error :Err.Error, spaces :List(SpaceInfo), more :Bool);
  # In the order of their names, those behind `after` that the token may see.
  admin @3 () -> (error :Err.Error, admin :Admin);
}

struct ServerInfo {
  version @0 :Text;
  node @1 :UInt32;
  partitions @2 :UInt32;
  maxCommandBytes @3 :UInt32;
  maxOperations @4 :UInt32;
  role @5 :Role;
  nodes @6 :List(NodeAddress);   # Of the cluster, by ordinal.
  owners @7 :List(UInt16);       # The ordinal of the node that owns each partition, by its number.
  clusterId @8 :Data;            # 16 bytes.
}

struct NodeAddress {
  ordinal @0 :UInt32;
  address @1 :Text;         # For clients: host:port or unix:/path. Empty: not known, or the node takes no clients.
  connected @2 :Bool;       # To the node that answers; true for that itself.
}

struct SpaceInfo {
  id @0 :UInt64;
  name @1 :Text;
  placement @2 :Cmd.Placement;
  quota @3 :Cmd.Quota;
  createdNs @4 :Int64;
  vertices @5 :UInt64;      # Counts are filled in by `listSpaces` and `Reader.statistics`.
  edges @6 :UInt64;
  bytes @7 :UInt64;
}

struct Outcome {
  # What became of a command. The same for every retry with the same sequence number.
  error @0 :Err.Error;      # deadlineExceeded or unavailable: unknown, ask again with the same sequence number.
  version @1 :UInt64;       # The LSN at the partition that decided: the version of what it changed there.
  partition @2 :UInt16;
  acceptedNs @3 :Int64;     # The time that the changes carry.
  created @4 :UInt32;       # Vertices and edges (each counted once, at its source).
  updated @5 :UInt32;
  deleted @6 :UInt64;
  duplicate @7 :Bool;       # Answered from the session table: the command had been executed before.
  space @8 :UInt64;         # After createSpace: its id.
}

interface Writer {
  submit @0 (command :Data, timeoutMs :UInt32 = 5000) -> (outcome :Outcome);
  # `command`: a Command with a batch, as one single-segment message in stream framing, at most 4 MiB.
}

interface Admin {
  submit @0 (command :Data, timeoutMs :UInt32 = 30000) -> (outcome :Outcome);
  # A Command that creates, drops or changes a space or an index.
  statistics @1 () -> (json :Text, error :Err.Error);
  # The engine's state as the operations port's /status shows it.
  forgetVolume @2 (ordinal :UInt32) -> (error :Err.Error);
  # The next volume that comes as the node with this ordinal is taken for right, by this node. For a volume that is lost.
  finalize @3 () -> (error :Err.Error, level :UInt32);
  # Raises the feature level of the cluster to the highest that every node knows, and answers it. There is no way back to a
  # version that does not know it. preconditionFailed: a node is away, or does not know more than the level that is in force.
}

# --- Reads ---------------------------------------------------------------------------------------------------------

struct Projection {
  # What to return of a vertex or an edge beside its identity.
  properties @0 :Bool = true;
  only @1 :List(Text);      # If not empty: only these properties.
  labels @2 :Bool = true;
  keys @3 :Bool = true;     # Of edges and traversals: the keys beside the ids (ids alone are cheaper).
}

struct Vertex {
  id @0 :UInt64;
  found @1 :Bool;           # False: there is no such vertex; all else is empty.
  key @2 :Text;
  labels @3 :List(Text);
  properties @4 :List(Val.Property);
  createdNs @5 :Int64;
  changedNs @6 :Int64;
  version @7 :UInt64;
}

struct Edge {
  source @0 :UInt64;
  target @1 :UInt64;
  sourceKey @2 :Text;
  targetKey @3 :Text;
  type @4 :Text;
  rank @5 :Int64;
  weight @6 :Float64;
  properties @7 :List(Val.Property);  # At the source only: empty in direction `in`, as are the times and the version.
  createdNs @8 :Int64;
  changedNs @9 :Int64;
  version @10 :UInt64;
}

enum Limit {
  none @0;                  # The answer is whole.
  visited @1;
  results @2;
  time @3;
  bytes @4;
}

struct GetRequest {
  vertices @0 :List(Val.VertexRef);   # 1 to 10,000.
  projection @1 :Projection;
}
struct GetReply {
  error @0 :Err.Error;
  vertices @1 :List(Vertex);          # In the order of the request.
}

struct GetEdgeRequest {
  edges @0 :List(Cmd.EdgeKey);        # 1 to 10,000.
  projection @1 :Projection;
}
struct GetEdgeReply {
  error @0 :Err.Error;
  edges @1 :List(Edge);               # Those that exist.
}

struct NeighborsRequest {
  vertex @0 :Val.VertexRef;
  direction @1 :Val.Direction;
  filter @2 :Val.EdgeFilter;
  limit @3 :UInt32 = 1000;            # 1 to 100,000.
  cursor @4 :Data;                    # From the reply before; empty: from the start.
  projection @5 :Projection;
  target @6 :Val.VertexFilter;        # Only edges whose other end passes.
}
struct NeighborsReply {
  error @0 :Err.Error;
  edges @1 :List(Edge);               # Sorted by (direction, type as interned, neighbour's id, rank).
  cursor @2 :Data;                    # Empty: there are no more.
}

struct DegreeRequest {
  vertex @0 :Val.VertexRef;
  types @1 :List(Text);               # Empty: all.
}
struct DegreeReply {
  error @0 :Err.Error;
  out @1 :UInt64;
  in @2 :UInt64;
}

struct Hop {
  direction @0 :Val.Direction;
  edges @1 :Val.EdgeFilter;
  vertices @2 :Val.VertexFilter;      # Vertices that fail it are neither returned nor expanded.
  limitPerVertex @3 :UInt32;          # Take at most so many edges of a vertex, in stored order; 0: all.
}

struct ExpandRequest {
  seeds @0 :List(Val.VertexRef);      # 1 to 10,000.
  hops @1 :List(Hop);                 # 1 to 32, one a hop.
  maxVisited @2 :UInt32 = 1000000;
  maxResults @3 :UInt32 = 1000000;
  result @4 :ResultKind;
  projection @5 :Projection;          # For `vertices`.
  minDepth @6 :UInt8 = 1;             # 0 returns the seeds too.
}
enum ResultKind {
  ids @0;
  keys @1;
  vertices @2;
}
struct ExpandReply {
  error @0 :Err.Error;
  exceeded @1 :Limit;
  ids @2 :List(UInt64);               # Distinct, each at its least depth, in the order of depth and then of id.
  depthEnds @3 :List(UInt32);         # depthEnds[d]: how many of them have a depth <= minDepth + d.
  keys @4 :List(Text);                # Parallel to ids, for `keys`.
  vertices @5 :List(Vertex);          # Parallel to ids, for `vertices`.
}

struct PathRequest {
  source @0 :Val.VertexRef;
  target @1 :Val.VertexRef;
  direction @2 :Val.Direction;
  edges @3 :Val.EdgeFilter;
  vertices @4 :Val.VertexFilter;      # For the vertices between.
  cost :union {
    hops @5 :Void;                    # Fewest edges.
    weight @6 :Void;                  # Least sum of weights; a negative weight on the way is an error.
    property @7 :Text;                # Least sum of a numeric edge property; an edge without it is not used.
  }
  maxHops @8 :UInt32 = 64;            # Bounds the search for fewest edges.
  maxVisited @9 :UInt32 = 1000000;
  projection @10 :Projection;
}
struct PathReply {
  error @0 :Err.Error;
  exceeded @1 :Limit;
  found @2 :Bool;
  cost @3 :Float64;
  vertices @4 :List(Vertex);          # From source to target.
  edges @5 :List(Edge);               # One less; each in its own direction.
}

struct RecallRequest {
  # Spreading activation; docs/recall.md has the exact rule.
  seeds @0 :List(Seed);               # 1 to 1,000.
  decay @1 :Float64 = 0.5;            # 0 < decay <= 1, once for each hop.
  threshold @2 :Float64 = 0.001;      # What is newly received and under this is not passed on.
  maxHops @3 :UInt32 = 3;             # 1 to 16.
  top @4 :UInt32 = 20;                # 1 to 10,000.
  normalise @5 :Normalise;
  direction @6 :Val.Direction;
  edges @7 :Val.EdgeFilter;
  vertices @8 :Val.VertexFilter;      # Vertices that fail it receive nothing.
  includeSeeds @9 :Bool;
  maxVisited @10 :UInt32 = 1000000;
  projection @11 :Projection;
}
struct Seed {
  vertex @0 :Val.VertexRef;
  activation @1 :Float64 = 1.0;       # 0 < activation <= 1.
}
enum Normalise {
  none @0;                            # weight as it is; negative weights pass nothing on
  weightSum @1;                       # weight / sum of the weights of the edges passed along
  fanOut @2;                          # weight / their number
}
struct RecallReply {
  error @0 :Err.Error;
  exceeded @1 :Limit;
  hits @2 :List(RecallHit);           # By activation, highest first; ties by key.
  visited @3 :UInt32;
}
struct RecallHit {
  vertex @0 :Vertex;
  activation @1 :Float64;
  activationFixed @2 :UInt64;         # The same, exactly: in units of 2^-62.
  path @3 :List(UInt64);              # From a seed to the vertex, along the greatest contributions.
  pathKeys @4 :List(Text);
}

struct LookupRequest {
  index @0 :Cmd.Index;
  union {
    equal @1 :Val.Value;
    range :group {
      min @2 :Val.Value;              # Null: unbounded.
      max @3 :Val.Value;
      minExclusive @4 :Bool;
      maxExclusive @5 :Bool;
    }
  }
  limit @6 :UInt32 = 1000;            # 1 to 100,000.
  projection @7 :Projection;
  cursor @8 :Data;                    # Of the page before, whose request was the same otherwise; empty: from the start.
}
struct LookupReply {
  error @0 :Err.Error;
  exceeded @1 :Limit;                 # `results`, `bytes`: there are more, behind `cursor`.
  vertices @2 :List(Vertex);          # By value, then by id; of texts and bytes some 490 bytes count.
  cursor @3 :Data;                    # For the next page; empty: this is the last, or an engine of before (`paged`).
  paged @4 :Bool;                     # The request's cursor was looked at. An engine of before 0.2 begins from the start.
}

struct ScanRequest {
  label @0 :Text;                     # Empty: every vertex of the space.
  filter @1 :Val.VertexFilter;
  limit @2 :UInt64;                   # Vertices; one that the cursor goes on with counts. 0: all.
  cursor @3 :Data;                    # Empty: from the start.
  projection @4 :Projection;
  edges @5 :Bool;                     # Also the outgoing edges of every vertex (export).
}
struct ScanPage {
  vertices @0 :List(Vertex);
  edges @1 :List(Edge);
  cursor @2 :Data;                    # Goes on behind this page, also after a lost connection. Empty: there are no more.
  edgesGoOn @3 :Bool;                 # The next page begins with more edges of this page's last vertex (or of the one
                                      # before, if it has none).
}

interface ScanSink {
  # Implemented by the client. The server sends the next page only when the flow window has room.
  page @0 (page :ScanPage) -> stream;
  done @1 (error :Err.Error, cursor :Data);
}

struct StatisticsReply {
  error @0 :Err.Error;
  space @1 :SpaceInfo;
  labels @2 :List(NamedCount);
  types @3 :List(NamedCount);
  indexes @4 :List(Cmd.Index);
  building @5 :List(Cmd.Index);       # Of these, what a partition has not built yet: look-ups answer `unavailable` until then.
  struct NamedCount {
    name @0 :Text;
    count @1 :UInt64;
  }
}

interface Reader {
  # A timeout of 0 means 5000 ms. Cancelling a call stops the work behind it.
  get @0 (request :GetRequest, timeoutMs :UInt32) -> (reply :GetReply);
  neighbors @1 (request :NeighborsRequest, timeoutMs :UInt32) -> (reply :NeighborsReply);
  expand @2 (request :ExpandRequest, timeoutMs :UInt32) -> (reply :ExpandReply);
  path @3 (request :PathRequest, timeoutMs :UInt32) -> (reply :PathReply);
  recall @4 (request :RecallRequest, timeoutMs :UInt32) -> (reply :RecallReply);
  lookup @5 (request :LookupRequest, timeoutMs :UInt32) -> (reply :LookupReply);
  degree @6 (request :DegreeRequest, timeoutMs :UInt32) -> (reply :DegreeReply);
  statistics @7 (timeoutMs :UInt32) -> (reply :StatisticsReply);
  scan @8 (request :ScanRequest, sink :ScanSink, timeoutMs :UInt32) -> (error :Err.Error);
  # Returns when the sink's `done` was answered; with an error before, if the node stops. The timeout bounds each page, not the
  # whole scan.
  getEdges @9 (request :GetEdgeRequest, timeoutMs :UInt32) -> (reply :GetEdgeReply);
}
