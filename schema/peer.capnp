@0xb0c6f1a7d3e94a05;
# What partitions, query coordinators and gateways say to each other: always one Request or one Answer, in one message.
# Between actors of one node the message is handed over as it is; between nodes the same bytes travel.
# Commands that are to be logged (a client's, prepare, decide) travel as Command bytes and are not repeated here.

using Cxx = import "/capnp/c++.capnp";
using Val = import "value.capnp";
using Err = import "error.capnp";
using Cmd = import "command.capnp";
using Cli = import "client.capnp";
$Cxx.namespace("engram::schema");

struct Request {
  # To a partition. Answered by an Answer with the same member set, or with `error` set.
  space @0 :UInt64;
  deadlineNs @1 :Int64;               # Monotonic time of the node; a partition drops what comes later. 0: none.
  union {
    get @2 :Cli.GetRequest;
    neighbors @3 :Cli.NeighborsRequest;
    degree @4 :Cli.DegreeRequest;
    hop @5 :HopRequest;
    edges @6 :EdgesRequest;
    lookup @7 :Cli.LookupRequest;
    scan @8 :ScanPart;
    statistics @9 :Void;
    findSpace @10 :Text;              # To the home partition of the name; another one may know a spread space too.
    listSpaces @11 :ListSpaces;       # The spaces whose home is this partition.
    resolve @12 :List(Text);          # Keys to ids.
    askOutcome @13 :Cmd.TransactionId;  # To the coordinator, from a participant that recovered or waits too long.
    vote @14 :Vote;                   # To the coordinator.
    acknowledge @15 :Acknowledge;     # To the coordinator: the outcome is applied and durable at the participant.
    countSpaces @16 :List(UInt64);    # What this partition holds of each: listSpaces, parallel; id 0 and no name if unknown.
    describeSpaces @17 :Void;         # Every spread space that this partition knows, for one whose volume is new. Feature level 2.
    links @18 :LinksRequest;          # What a batch has to know before it deletes vertices. Feature level 2.
  }
}

struct Answer {
  error @0 :Err.Error;
  union {
    none @1 :Void;
    get @2 :Cli.GetReply;
    neighbors @3 :Cli.NeighborsReply;
    degree @4 :Cli.DegreeReply;
    hop @5 :HopAnswer;
    edges @6 :Cli.GetEdgeReply;
    lookup @7 :Cli.LookupReply;
    scan @8 :Cli.ScanPage;
    statistics @9 :Cli.StatisticsReply;
    findSpace @10 :Cli.SpaceInfo;
    listSpaces @11 :List(Cli.SpaceInfo);
    resolve @12 :List(UInt64);        # 2^64-1: no such vertex.
    outcome @13 :Cli.Outcome;         # Of a command.
    describeSpaces @14 :SpaceDescriptions;
    links @15 :LinksAnswer;
  }
}

struct HopRequest {
  # One hop for all frontier vertices of one partition: filter them, then pass along their edges.
  frontier @0 :List(UInt64);
  seeds @1 :List(Val.VertexRef);      # Instead of `frontier`: resolved here. An unknown one is an error.
  admit @2 :Val.VertexFilter;         # Frontier vertices that fail it are dropped.
  expand @3 :Bool;                    # False: only resolve and filter.
  hop @4 :Cli.Hop;                    # Its vertex filter is not looked at: it belongs to the next frontier.
  payload @5 :Payload;
  costProperty @6 :Text;              # For `property`.
  maxBytes @7 :UInt64;                # What the rows may take, as the query may hold no more; over it the answer is limitExceeded
                                      # with field "memory" and the partial size. 0: any amount.
  enum Payload {
    none @0;
    weights @1;
    property @2;
  }
}

struct HopAnswer {
  # Compressed sparse rows: the neighbours of frontier vertex i are neighbours[ends[i-1] .. ends[i]).
  ids @0 :List(UInt64);               # Of the seeds, resolved; empty if the request named ids.
  admitted @1 :List(Bool);            # Parallel to the frontier; empty: all were.
  ends @2 :List(UInt32);
  neighbours @3 :List(UInt64);
  numbers @4 :List(Float64);          # Parallel to neighbours: weights or property values (NaN: the edge has none).
}

struct LinksRequest {
  resolve @0 :List(Text);             # Keys to ids, as the request `resolve`.
  vertices @1 :List(Text);            # Those that are to be deleted.
}

struct LinksAnswer {
  ids @0 :List(UInt64);               # 2^64-1: no such vertex.
  vertices @1 :List(Vertex);          # Parallel to the request's; an absent one has no edges.
  struct Vertex {
    digest @0 :UInt64;                # Of its edges into other partitions.
    elsewhere @1 :List(Cmd.Unlink);   # Their entries at the other ends, without `operation`.
  }
}

struct EdgesRequest {
  # The cheapest or all edges between pairs of vertices, for the edges of a path; or edges by their keys.
  pairs @0 :List(Pair);               # Sources that live here.
  keys @1 :List(Cmd.EdgeKey);         # Sources that live here; targets resolved to `targets`.
  targets @2 :List(UInt64);
  filter @3 :Val.EdgeFilter;
  projection @4 :Cli.Projection;
  payload @5 :HopRequest.Payload;     # Which edge of several between a pair: the first, or the one with the least number.
  costProperty @6 :Text;
  struct Pair {
    source @0 :UInt64;
    target @1 :UInt64;
  }
}

struct ScanPart {
  scan @0 :Cli.ScanRequest;           # Its cursor and the answer's: as in actors/partition/core/scan_position.h.
  maxVertices @1 :UInt32;
  maxBytes @2 :UInt32;
}

struct ListSpaces {
  after @0 :Text;
  limit @1 :UInt32;
}

struct SpaceDescriptions {
  isNew @0 :Bool;                     # This partition is about to ask the same, and knows nothing.
  spaces @1 :List(Space);
  struct Space {
    info @0 :Cli.SpaceInfo;           # Its counts are those of this partition.
    indexes @1 :List(Cmd.Index);
  }
}

struct Vote {
  transaction @0 :Cmd.TransactionId;
  participant @1 :UInt16;
  error @2 :Err.Error;                # `none`: yes.
  resolved @3 :Data;                  # As in Prepare.
  created @4 :UInt32;
  updated @5 :UInt32;
  deleted @6 :UInt64;
}

struct Acknowledge {
  transaction @0 :Cmd.TransactionId;
  participant @1 :UInt16;
}

# --- Between nodes ---------------------------------------------------------------------------------------------------

struct PeerHello {
  # What two nodes say of themselves before anything else: on the bare socket, behind the handshake of TLS, each way, as one
  # message in stream framing of at most 4 KiB. The node that was called answers with its verdict about the caller behind its
  # own hello, then the caller with its own.
  oldestProtocol @0 :UInt32;          # Both have to know one version of what follows: the highest that both know is spoken.
  newestProtocol @1 :UInt32;
  featureLevel @2 :UInt32;            # What may be written and sent; raised only once every node knows it.
  version @3 :Text;                   # Of the program, for people.
  clusterId @4 :Data;                 # 16 bytes. Empty: an empty volume that asks for its cluster.
  name @5 :Text;                      # Without the ordinal.
  ordinal @6 :UInt16;
  nodes @7 :UInt16;                   # Of the cluster.
  partitions @8 :UInt32;              # Of the cluster.
  diskId @9 :Data;                    # 16 bytes; empty with `clusterId`.
  starts @10 :UInt64;                 # How often a process started on this volume, this one included ...
  process @11 :UInt64;                # ... and a random number that it chose: together the incarnation, ordered in this order.
  wanted @12 :UInt16;                 # From the caller: the ordinal that it means to reach.
  connection @13 :UInt64;             # From the caller: a random number that names this connection from now on.
  newestLevel @14 :UInt32;            # The highest feature level that this program knows. 0: no higher than `featureLevel`.
  clientAddress @15 :Text;            # Where clients reach this node; empty: nowhere.
}

struct PeerVerdict {
  error @0 :Err.Error;                # `none`: welcome. Otherwise the connection ends.
}

struct PeerPacket {
  # All that travels on a connection, in order; at most 64 KiB as one message of one segment. From feature level 2 on several of
  # them may come one behind the other in what CAF calls one message.
  taken @0 :UInt64;                   # Bytes of parts that the sender has taken in from the other on this connection, in all.
  union {
    none @1 :Void;                    # Says `taken`, and that the sender lives.
    part @2 :PeerPart;
    cancel @3 :UInt64;                # Nobody waits for the answer to that message any more.
    draining @4 :Void;                # The sender is about to stop: no new requests, please; it finishes those that it has.
    status @5 :NodeStatus;            # How the sender is, every second. From feature level 2 on: older nodes do not know it.
  }
}

struct NodeStatus {
  # What a node tells of itself to the others, so that each can show the whole cluster. At most 48 KiB.
  phase @0 :Text;                     # starting, replaying, ready, draining, stopping
  featureLevel @1 :UInt32;            # In force at the sender. It only rises: who hears of a higher one takes it over.
  uptimeMs @2 :UInt64;
  logPosition @3 :UInt64;             # Bytes that were ever appended to the command log.
  logQueue @4 :UInt32;                # Commands that wait for the log.
  hotHits @5 :UInt64;                 # Vertices that were found in memory, and ...
  warmHits @6 :UInt64;                # ... those that had to be read from the warm store; since the start.
  callsInFlight @7 :UInt32;           # Of its clients.
  partitions @8 :List(PartitionStatus);
  struct PartitionStatus {
    partition @0 :UInt16;
    epoch @1 :UInt32;
    appliedLsn @2 :UInt64;
    queue @3 :UInt32;                 # Commands taken and not applied yet.
    inDoubt @4 :UInt32;               # Transactions that are prepared here, and whose outcome is not known yet.
    transactions @5 :UInt32;          # That are coordinated here.
    longInDoubt @6 :UInt32;           # Of those in doubt, those that have been so for two seconds and more.
  }
}

struct PeerPart {
  # A message, or one of its parts if it is larger than a packet.
  message @0 :UInt64;                 # Counted by its sender on this connection: 1, 2, 3 ...
  bytes @1 :Data;                     # A Request, an Answer or a Command (of one segment), in stream framing, or a part of it.
  more @2 :Bool;                      # Other parts follow.

  # The rest is told by the first part only.
  size @3 :UInt32;                    # Of the whole message in bytes.
  to @4 :UInt16;                      # The partition that it is for; of an answer: that answered.
  from @5 :UInt16;                    # The partition that it is from, if it is from one.
  epoch @6 :UInt32;                   # Of the partition that it is for, as the sender knows it. An older one is refused.
  budgetUs @7 :UInt64;                # Time left until the sender's deadline. 0: none.
  request @8 :UInt64;                 # A number for the log lines of all nodes that a client's request touches.
  union {
    question @9 :Void;                # A Request whose Answer comes back under this message's number.
    notice @10 :Void;                 # A Request that has no answer: a vote, an acknowledgement, a question about an outcome.
    submission @11 :Void;             # A client's Command, already checked; its Answer comes back.
    command @12 :Void;                # A Command to be logged as it is: prepare, decide.
    answer @13 :UInt64;               # An Answer to the other's message of that number.
  }
}
