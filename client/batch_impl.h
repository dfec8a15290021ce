#pragma once
// What is inside a Batch: the Cap'n Proto message itself.

#include <optional>

#include <capnp/message.h>

#include "client/engram/batch.h"
#include "schema/command.capnp.h"

namespace engram::client {

/// The part of a command that the client adds to a batch.
struct CommandHeader {
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  std::uint64_t first_incomplete = 0;
  SpaceId space;
};

/// A command as it is sent: one segment in stream framing.
using EncodedCommand = kj::Array<capnp::word>;
EncodedCommand encode(capnp::MessageBuilder& message, bool compact);
/// Writes the header into the message's Command and encodes it.
void set_header(schema::Command::Builder command, const CommandHeader& header);

struct Batch::Impl {
  explicit Impl(std::size_t expected_operations);

  /// The next operation's place. Grows the list by moving pointers: what was written stays where it is.
  schema::Operation::Builder next_operation();
  schema::Precondition::Builder next_precondition();

  /// Of the vertex whose partition decides the batch; none if it is empty.
  [[nodiscard]] std::optional<VertexRef> first_key() const;
  /// The whole command. The batch is sealed by the first call; later ones differ in their header only.
  EncodedCommand encode(const CommandHeader& header);

  capnp::MallocMessageBuilder message;
  schema::Command::Builder command;
  schema::Batch::Builder batch;
  capnp::List<schema::Operation>::Builder operations;
  capnp::List<schema::Precondition>::Builder preconditions;
  unsigned operation_count = 0;
  unsigned precondition_count = 0;
  bool sealed = false;
  bool has_gaps = false;   // lists were outgrown or cut: encode a compact copy

 private:
  void grow_operations();
  void grow_preconditions();
  void seal();
};

}  // namespace engram::client
