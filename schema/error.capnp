@0xb0c6f1a7d3e94a01;
# Every error that an engine can answer. A code never changes its meaning; new ones are added at the end.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("engram::schema");

enum ErrorCode {
  none @0;                  # No error.
  invalidArgument @1;       # A field is out of its range or malformed; `field` names it.
  tooLarge @2;              # A size or a count is over its limit; `field` and `limit` name them.
  unknownSpace @3;          # The space does not exist, or was dropped.
  spaceExists @4;           # A space of that name exists already.
  unknownVertex @5;         # A vertex that has to exist does not.
  vertexExists @6;          # A vertex that must not exist does ("create").
  unknownEdge @7;           # An edge that has to exist does not.
  edgeExists @8;            # An edge that must not exist does ("create").
  preconditionFailed @9;    # A precondition of the command did not hold; nothing was changed.
  conflict @10;             # A transaction lost against another one; retry with a new sequence number (docs/rpc.md).
  quotaExceeded @11;        # The space is at its quota; nothing was changed.
  overloaded @12;           # Refused before anything was logged; retry later.
  deadlineExceeded @13;     # The time given ran out. For a write: its outcome is unknown, ask again with its sequence.
  cancelled @14;            # The caller went away.
  permissionDenied @15;     # The session's role or its list of spaces does not allow this.
  unauthenticated @16;      # No token, or a wrong one.
  diskFull @17;             # No room to log or to write back; reads go on. Free space, then retry.
  unavailable @18;          # The partition is starting, stopping or gone: retry, with another node if there is one. With a
                            # `field` it is about that ("index": it is being built), and every node says the same.
  unsupported @19;          # The engine does not know this command or option (a newer client?).
  notIndexed @20;           # The property was not declared as indexed.
  sessionExpired @21;       # The sequence is older than what the session table still remembers.
  corrupt @22;              # Stored data failed its checksum; the message names file and position.
  internal @23;             # A defect. The message and the engine's log say more.
  limitExceeded @24;        # A read came upon one of its limits and has no partial answer to give.
  unknownIndex @25;         # No such index was declared.
  indexExists @26;          # The index was declared already.
}

struct Error {
  code @0 :ErrorCode;
  message @1 :Text;         # For a person: what is wrong and what to do.
  field @2 :Text;           # The field that is wrong, as a path such as "operations[3].key"; may be empty.
  limit @3 :UInt64;         # The limit that was exceeded, in the field's unit; 0 if none.
  partial @4 :UInt64;       # After limitExceeded: how many vertices the read had come upon by then, those of its last hop as often
                            # as it met them. 0: none, or not known.
}
