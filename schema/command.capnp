@0xb0c6f1a7d3e94a03;
# Every change to a graph is a Command. The bytes that a client sends (a Cap'n Proto message in the standard stream
# framing, one segment) are the bytes that are logged, replayed and archived: there is no second encoding.
# Evolution: fields and union members are only added. A command with an unknown member is refused before it is logged.

using Cxx = import "/capnp/c++.capnp";
using Val = import "value.capnp";
$Cxx.namespace("engram::schema");

struct Command {
  session @0 :UInt64;
  # Chosen by the client at random, once for each connection-independent session. 0: no retry protection, and no
  # createSpace: the new space's id is made from session and sequence.
  sequence @1 :UInt64;
  # 1, 2, 3 ... in the session; a retry carries the number of its first attempt and gets the first answer.
  firstIncomplete @2 :UInt64;
  # The lowest sequence whose answer the client still waits for; answers to lower ones are forgotten.
  space @3 :UInt64;
  # The space that the command works on, as `openSpace` returned it; 0 is the space `default`.

  union {
    batch @4 :Batch;                 # From clients with the right to write.
    createSpace @5 :CreateSpace;     # From clients with the role admin, as is all up to `dropIndex`.
    dropSpace @6 :Void;              # Drops `space`; what it holds is removed in the background.
    setQuota @7 :Quota;              # Replaces the quota of `space`.
    declareIndex @8 :Index;          # Existing vertices are indexed behind; until then look-ups answer `unavailable`.
    dropIndex @9 :Index;

    # Internal: written by partitions only, refused from clients.
    prepare @10 :Prepare;            # A participant takes the locks of its share and votes.
    commit @11 :Commit;              # The coordinator's share and, once applied, the transaction's commit point.
    decide @12 :Decide;              # A participant learns the outcome, applies or forgets its share.
    abort @13 :TransactionId;        # The coordinator decided against a transaction before its commit was logged.
    forget @14 :List(TransactionId); # Every participant knows the outcome of these: the coordinator may drop them.
    purge @15 :Purge;                # Removes up to so many vertices of a dropped space.
  }
}

struct Batch {
  # Applied whole or not at all, in order: a later operation sees what an earlier one did.
  operations @0 :List(Operation);    # 1 to 10,000.
  preconditions @1 :List(Precondition);
  # Checked against the state before the first operation, in the same atomic step.
  operationPlaces @2 :List(UInt32);
  preconditionPlaces @3 :List(UInt32);
  # Internal, refused from clients: of a partition's share, where each was in the client's batch, so that errors name
  # what the client sent. Empty: the share is the whole batch.
}

struct Operation {
  union {
    putVertex @0 :PutVertex;
    deleteVertex @1 :DeleteVertex;
    putEdge @2 :PutEdge;
    deleteEdge @3 :EdgeKey;          # Error unknownEdge if it does not exist, unless `ifExists`.
  }
}

enum PutMode {
  upsert @0;                         # Create it, or change what is there.
  create @1;                         # Error vertexExists / edgeExists if it is there.
  update @2;                         # Error unknownVertex / unknownEdge if it is not.
}

struct PutVertex {
  key @0 :Text;
  mode @1 :PutMode;
  labels @2 :List(Text);             # Added to those that it has; with `replace`, all that it will have.
  removeLabels @3 :List(Text);
  properties @4 :List(Val.Property); # Set one by one; null removes; with `replace`, all that it will have.
  replace @5 :Bool;
  # Labels and properties of a vertex together, over all its upserts, and properties of an edge: 16 MiB as they are stored.
}

struct DeleteVertex {
  key @0 :Text;
  ifExists @1 :Bool;                 # Absent is not an error.
  # Its edges go with it, at both ends. Into other partitions all vertices that a batch deletes may have edges of
  # 32 MiB together, at 64 bytes and the type's name each: some 500,000. A vertex that is deleted alone, with preconditions
  # about its own partition at most, may have some 800,000 into each other partition: 48 MiB, at 56 bytes and the
  # type's name. From feature level 2 on; before, in a batch of several operations or with preconditions about other
  # partitions, it may have none at all.
}

struct EdgeKey {
  source @0 :Text;
  type @1 :Text;                     # 1 to 256 bytes of UTF-8.
  target @2 :Text;
  rank @3 :Int64;                    # Tells parallel edges of one type apart; 0 if there is one.
  ifExists @4 :Bool;                 # For deleteEdge: absent is not an error.
}

struct PutEdge {
  edge @0 :EdgeKey;
  mode @1 :PutMode;
  weight @2 :Float64 = 1.0;          # Finite.
  keepWeight @3 :Bool;               # On update: leave the weight as it is.
  properties @4 :List(Val.Property);
  replace @5 :Bool;
  createMissing @6 :Bool;            # Create source and target without labels where they are not there.
}

struct Precondition {
  subject :union {
    vertex @0 :Text;                 # The key of a vertex ...
    edge @1 :EdgeKey;                # ... or an edge, checked at its source.
  }
  union {
    exists @2 :Void;
    absent @3 :Void;
    propertyEquals @4 :Val.Property; # A null value means that the property is absent.
    versionEquals @5 :UInt64;
  }
}

enum Placement {
  spread @0;                         # Vertices over all partitions, by the hash of (space, key).
  together @1;                       # All in one partition, by the hash of the space's name.
}

struct Quota {
  # 0: unlimited. A spread space's quota is divided evenly over the partitions.
  vertices @0 :UInt64;
  edges @1 :UInt64;                  # Counted at their source.
  bytes @2 :UInt64;                  # Of keys, labels, properties and edges as they are stored.
}

struct CreateSpace {
  name @0 :Text;                     # 1 to 255 bytes of UTF-8 without control characters.
  placement @1 :Placement;
  quota @2 :Quota;
}

struct Index {
  label @0 :Text;                    # Only vertices with this label; empty: all of the space.
  property @1 :Text;
}

# --- Transactions over partitions (the protocol is told in ARCHITECTURE.md) ---------------------------------------

struct TransactionId {
  coordinator @0 :UInt16;            # The partition that decides.
  number @1 :UInt64;                 # Unique at the coordinator, growing; never used again after a restart.
  startedNs @2 :Int64;               # Its age, for wait-die: the older one waits, the younger one dies.
}

struct Prepare {
  transaction @0 :TransactionId;
  batch @1 :Batch;                   # The operations and preconditions that touch this partition, in order.
  unlink @2 :List(Unlink);           # Or: edges that go with a vertex of another partition, whose key is `unlinkKey`.
  space @3 :SpaceChange;             # Or: a change of a space or an index, on every partition.
  resolved @4 :Data;
  # Packed as in actors/partition/core/resolved_keys.h; id 2^64-1: there is no such vertex. Targets in other partitions, as they were before: a participant that is an edge's source needs them to tell whether
  # the edge exists. Their owners confirm them with their votes.
  unlinkKey @5 :Text;
  deletions @6 :Deletions;           # Of the batch. Feature level 2.
}

struct Deletions {
  # What a share has to know of the vertices that its batch deletes. The share then has the deletions of other partitions'
  # vertices too, where it has edges to them: their places tell which edges were before and which are after.
  ordered @0 :Bool;                  # It does. An id in `resolved` is of the vertex that the key had at that operation.
  unlink @1 :List(Unlink);           # Edges here that go with vertices of other partitions, by operation.
  found @2 :List(Found);             # Of deleted vertices here, by operation: what was unlinked elsewhere is all there is.
  struct Found {
    operation @0 :UInt32;            # As in Unlink.
    digest @1 :UInt64;               # Of the edges into other partitions (actors/partition/core/vertex_links.h).
  }
}

struct Unlink {
  # The entry of one edge at the other end of a deleted vertex.
  vertex @0 :UInt64;                 # Of this partition.
  neighbour @1 :UInt64;              # The deleted vertex.
  type @2 :Text;
  rank @3 :Int64;
  incoming @4 :Bool;                 # The entry is among the vertex's incoming edges.
  operation @5 :UInt32;              # Of a batch: the place of the vertex's deletion in what the client sent.
}

struct SpaceChange {
  union {
    none @0 :Void;
    create @1 :CreateSpace;
    drop @2 :Void;
    setQuota @3 :Quota;
    declareIndex @4 :Index;
    dropIndex @5 :Index;
  }
  createdBySession @6 :UInt64;       # With the sequence, makes the id of a new space: the same on all partitions.
  createdBySequence @7 :UInt64;
}

struct Commit {
  transaction @0 :TransactionId;
  batch @1 :Batch;                   # The coordinator's own share.
  resolved @2 :Data;                 # From the participants' votes: 24 bytes a vertex, hash of its key and id.
  participants @3 :List(UInt16);     # Without the coordinator.
  space @4 :SpaceChange;
  deleteVertex @5 :UInt64;           # Or: the LSN of the command that locked a vertex to delete it with its edges.
  created @6 :UInt32;                # What the participants voted that they will change, for the outcome.
  updated @7 :UInt32;
  deleted @8 :UInt64;
  deletions @9 :Deletions;           # Of the coordinator's share. Feature level 2.
}

struct Decide {
  transaction @0 :TransactionId;
  committed @1 :Bool;
  resolved @2 :Data;
}

struct Purge {
  vertices @0 :UInt32;
}
