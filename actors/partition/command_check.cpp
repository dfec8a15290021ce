#include "actors/partition/command_check.h"

#include <cmath>

#include <capnp/serialize.h>
#include <kj/exception.h>

#include "actors/messages/field_check.h"
#include "actors/partition/core/batch_applier.h"

namespace engram {
namespace {

/// A list, one entry of which is checked at a time; the first error wins.
template <typename List, typename Check>
Status check_each(const List& list, const FieldPath& field, Check&& check) {
  for (unsigned i = 0; i < list.size(); ++i)
    if (Status status = check(list[i], field.at(i)); !status.ok()) return status;
  return {};
}

Status check_count(std::size_t count, std::size_t limit, const FieldPath& field) {
  if (count <= limit) return {};
  return {Code::too_large, "It has " + std::to_string(count) + " entries; at most " + std::to_string(limit) +
                               " are allowed.", field.text(), limit};
}

Status check_properties(capnp::List<schema::Property>::Reader properties, const FieldPath& field) {
  if (Status status = check_count(properties.size(), CommandLimits::max_names, field); !status.ok()) return status;
  return check_each(properties, field, [](schema::Property::Reader property, const FieldPath& at) {
    Status status = check_name(property.getName(), at / "name");
    return status.ok() ? check_value(property.getValue(), at / "value") : status;
  });
}

Status check_labels(capnp::List<capnp::Text>::Reader labels, const FieldPath& field) {
  if (Status status = check_count(labels.size(), CommandLimits::max_names, field); !status.ok()) return status;
  return check_each(labels, field, check_name);
}

Status check_mode(schema::PutMode mode, const FieldPath& field) {
  if (mode <= schema::PutMode::UPDATE) return {};
  return {Code::unsupported, "This engine does not know this value; upgrade it.", field.text()};
}

Status check_put_vertex(schema::PutVertex::Reader put, const FieldPath& at) {
  Status status = check_key(put.getKey(), at / "key");
  if (status.ok()) status = check_mode(put.getMode(), at / "mode");
  if (status.ok()) status = check_labels(put.getLabels(), at / "labels");
  if (status.ok()) status = check_labels(put.getRemoveLabels(), at / "removeLabels");
  return status.ok() ? check_properties(put.getProperties(), at / "properties") : status;
}

Status check_put_edge(schema::PutEdge::Reader put, const FieldPath& at) {
  Status status = check_edge_key(put.getEdge(), at / "edge");
  if (status.ok()) status = check_mode(put.getMode(), at / "mode");
  if (status.ok() && !std::isfinite(put.getWeight()))
    status = Status(Code::invalid_argument, "It is not a finite number.", (at / "weight").text());
  return status.ok() ? check_properties(put.getProperties(), at / "properties") : status;
}

Status check_operation(schema::Operation::Reader operation, const FieldPath& at) {
  switch (operation.which()) {
    case schema::Operation::PUT_VERTEX: return check_put_vertex(operation.getPutVertex(), at / "putVertex");
    case schema::Operation::DELETE_VERTEX:
      return check_key(operation.getDeleteVertex().getKey(), at / "deleteVertex" / "key");
    case schema::Operation::PUT_EDGE: return check_put_edge(operation.getPutEdge(), at / "putEdge");
    case schema::Operation::DELETE_EDGE: return check_edge_key(operation.getDeleteEdge(), at / "deleteEdge");
  }
  return {Code::unsupported, "This engine does not know this operation; upgrade it.", at.text()};
}

Status check_precondition(schema::Precondition::Reader condition, const FieldPath& at) {
  auto subject = condition.getSubject();
  Status status;
  if (subject.isVertex()) {
    status = check_key(subject.getVertex(), at / "vertex");
  } else if (subject.isEdge()) {
    status = check_edge_key(subject.getEdge(), at / "edge");
  } else {
    status = Status(Code::unsupported, "This engine does not know this kind of subject; upgrade it.", at.text());
  }
  if (!status.ok()) return status;
  switch (condition.which()) {
    case schema::Precondition::EXISTS:
    case schema::Precondition::ABSENT:
    case schema::Precondition::VERSION_EQUALS: return {};
    case schema::Precondition::PROPERTY_EQUALS: {
      auto wanted = condition.getPropertyEquals();
      status = check_name(wanted.getName(), at / "propertyEquals" / "name");
      return status.ok() ? check_value(wanted.getValue(), at / "propertyEquals" / "value") : status;
    }
  }
  return {Code::unsupported, "This engine does not know this precondition; upgrade it.", at.text()};
}

Status check_batch(schema::Batch::Reader batch, const CommandLimits& limits) {
  FieldPath operations("operations"), preconditions("preconditions");
  if (batch.getOperations().size() == 0) return {Code::invalid_argument, "It must not be empty.", operations.text()};
  if (batch.hasOperationPlaces()) return {Code::invalid_argument, "Only partitions set it.", "operationPlaces"};
  if (batch.hasPreconditionPlaces()) return {Code::invalid_argument, "Only partitions set it.", "preconditionPlaces"};
  Status status = check_count(batch.getOperations().size(), limits.max_operations, operations);
  if (status.ok()) status = check_count(batch.getPreconditions().size(), limits.max_operations, preconditions);
  if (status.ok()) status = check_each(batch.getOperations(), operations, check_operation);
  return status.ok() ? check_each(batch.getPreconditions(), preconditions, check_precondition) : status;
}

Status check_space_name(capnp::Text::Reader name) {
  Status status = check_text(name, CommandLimits::max_space_name_bytes, FieldPath("createSpace.name"));
  for (char c : text_of(name))
    if (status.ok() && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f))
      status = Status(Code::invalid_argument, "It has a control character.", "createSpace.name");
  return status;
}

Status check_index(schema::Index::Reader index) {
  Status status = index.getLabel().size() == 0 ? Status() : check_name(index.getLabel(), FieldPath("index.label"));
  return status.ok() ? check_name(index.getProperty(), FieldPath("index.property")) : status;
}

Status check_content(schema::Command::Reader command, CommandKind allowed, const CommandLimits& limits) {
  bool administration = allowed == CommandKind::administration;
  switch (command.which()) {
    case schema::Command::BATCH: return check_batch(command.getBatch(), limits);
    case schema::Command::CREATE_SPACE:
      if (command.getCreateSpace().getPlacement() > schema::Placement::TOGETHER)
        return {Code::unsupported, "createSpace.placement is not known to this engine.", "createSpace.placement"};
      if (command.getSession() == 0)
        return {Code::invalid_argument, "A space's id is made from session and sequence: choose a session at random.",
                "session"};
      (void)command.getCreateSpace().getQuota().getVertices();  // throws if it is no struct
      if (administration) return check_space_name(command.getCreateSpace().getName());
      break;
    case schema::Command::SET_QUOTA:
      (void)command.getSetQuota().getVertices();
      [[fallthrough]];
    case schema::Command::DROP_SPACE:
      if (administration) return {};
      break;
    case schema::Command::DECLARE_INDEX:
      if (administration) return check_index(command.getDeclareIndex());
      break;
    case schema::Command::DROP_INDEX:
      if (administration) return check_index(command.getDropIndex());
      break;
    default: return {Code::unsupported, "This kind of command is not for clients, or not known to this engine.", "command"};
  }
  return {Code::permission_denied, "Spaces and indexes are changed through the admin capability.", "command"};
}

}  // namespace

Result<CommandBytes> check_command(Bytes bytes, CommandKind allowed, const CommandLimits& limits) {
  if (bytes.size() > limits.max_bytes)
    return Status(Code::too_large, "The command has " + std::to_string(bytes.size()) + " bytes; at most " +
                                       std::to_string(limits.max_bytes) + " are allowed: send it in parts.",
                  "command", limits.max_bytes);
  Status malformed(Code::invalid_argument,
                   "The command is not one single-segment Cap'n Proto message in stream framing.", "command");
  std::uint32_t header[2] = {1, 0};
  if (bytes.size() < 16 || bytes.size() % sizeof(capnp::word) != 0) return malformed;
  std::memcpy(header, bytes.data(), sizeof header);
  if (header[0] != 0 || (std::uint64_t{header[1]} + 1) * sizeof(capnp::word) != bytes.size()) return malformed;
  CommandBytes command = CommandBytes::copy_of(bytes);
  Status status;
  auto failure = kj::runCatchingExceptions([&] {
    capnp::ReaderOptions options;
    options.nestingLimit = 32;
    options.traversalLimitInWords = bytes.size() / sizeof(capnp::word) * 8 + 1024;
    capnp::FlatArrayMessageReader reader(command.words(), options);
    auto root = reader.getRoot<schema::Command>();
    // Walks every pointer, those of fields that nobody here knows too: commands are copied whole into messages between
    // partitions, after they were logged, where an exception would be the end of this start and of every one after it.
    capnp::MessageSize size = root.totalSize();
    status = size.capCount > 0 ? malformed : check_content(root, allowed, limits);
  });
  KJ_IF_MAYBE(exception, failure) {
    return Status(Code::invalid_argument, std::string("The command is malformed: ") + exception->getDescription().cStr(),
                  "command");
  }
  if (!status.ok()) return status;
  return command;
}

PartitionId coordinator_of(schema::Command::Reader command, const SpaceRoute& space, std::uint32_t partitions) {
  if (command.isCreateSpace()) return home_of_space(text_of(command.getCreateSpace().getName()), partitions);
  if (!command.isBatch()) return space.home;
  auto first = command.getBatch().getOperations()[0];
  switch (first.which()) {
    case schema::Operation::PUT_VERTEX: return owner_of_key(space, text_of(first.getPutVertex().getKey()), partitions);
    case schema::Operation::DELETE_VERTEX:
      return owner_of_key(space, text_of(first.getDeleteVertex().getKey()), partitions);
    case schema::Operation::PUT_EDGE:
      return owner_of_key(space, text_of(first.getPutEdge().getEdge().getSource()), partitions);
    case schema::Operation::DELETE_EDGE:
      return owner_of_key(space, text_of(first.getDeleteEdge().getSource()), partitions);
  }
  return space.home;
}

}  // namespace engram
