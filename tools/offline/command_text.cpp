#include "tools/offline/command_text.h"

#include <capnp/dynamic.h>
#include <capnp/pretty-print.h>
#include <capnp/serialize.h>

#include "schema/command.capnp.h"

namespace engram::cli {

namespace {

constexpr unsigned shown_operations = 3;

std::string text(capnp::Text::Reader from) { return {from.begin(), from.size()}; }

std::string edge_text(schema::EdgeKey::Reader edge) {
  return text(edge.getSource()) + " -" + text(edge.getType()) + "-> " + text(edge.getTarget()) +
         (edge.getRank() == 0 ? "" : " #" + std::to_string(edge.getRank()));
}

std::string operation_text(schema::Operation::Reader operation) {
  switch (operation.which()) {
    case schema::Operation::PUT_VERTEX: return "put " + text(operation.getPutVertex().getKey());
    case schema::Operation::DELETE_VERTEX: return "delete " + text(operation.getDeleteVertex().getKey());
    case schema::Operation::PUT_EDGE: return "link " + edge_text(operation.getPutEdge().getEdge());
    case schema::Operation::DELETE_EDGE: return "unlink " + edge_text(operation.getDeleteEdge());
  }
  return "of a newer version";
}

std::string batch_text(schema::Batch::Reader batch) {
  std::string all;
  auto operations = batch.getOperations();
  for (unsigned i = 0; i < operations.size() && i < shown_operations; ++i)
    all += (i == 0 ? "" : ", ") + operation_text(operations[i]);
  if (operations.size() > shown_operations) all += ", …";
  return all;
}

std::string transaction_text(schema::TransactionId::Reader id) {
  return "transaction " + std::to_string(id.getCoordinator()) + "/" + std::to_string(id.getNumber());
}

void describe(schema::Command::Reader command, CommandSummary& summary) {
  switch (command.which()) {
    case schema::Command::BATCH:
      summary.operations = command.getBatch().getOperations().size();
      summary.detail = batch_text(command.getBatch());
      break;
    case schema::Command::CREATE_SPACE: summary.detail = text(command.getCreateSpace().getName()); break;
    case schema::Command::DECLARE_INDEX:
      summary.detail = text(command.getDeclareIndex().getLabel()) + "." + text(command.getDeclareIndex().getProperty());
      break;
    case schema::Command::DROP_INDEX:
      summary.detail = text(command.getDropIndex().getLabel()) + "." + text(command.getDropIndex().getProperty());
      break;
    case schema::Command::PREPARE:
      summary.operations = command.getPrepare().getBatch().getOperations().size();
      summary.detail = transaction_text(command.getPrepare().getTransaction()) + ": " +
                       batch_text(command.getPrepare().getBatch());
      break;
    case schema::Command::COMMIT:
      summary.operations = command.getCommit().getBatch().getOperations().size();
      summary.detail = transaction_text(command.getCommit().getTransaction()) + ": " +
                       batch_text(command.getCommit().getBatch());
      break;
    case schema::Command::DECIDE:
      summary.detail = transaction_text(command.getDecide().getTransaction()) +
                       (command.getDecide().getCommitted() ? ": committed" : ": aborted");
      break;
    case schema::Command::ABORT: summary.detail = transaction_text(command.getAbort()); break;
    default: break;
  }
}

/// Calls `use` with the command in the payload. Every byte may be hostile: the reader's limits hold.
template <typename Use>
auto with_command(Bytes payload, Use use) -> Result<decltype(use(std::declval<schema::Command::Reader>()))> {
  try {
    // The log keeps payloads word-aligned.
    auto words = kj::arrayPtr(reinterpret_cast<const capnp::word*>(payload.data()), payload.size() / sizeof(capnp::word));
    capnp::FlatArrayMessageReader message(words);
    return use(message.getRoot<schema::Command>());
  } catch (const kj::Exception& error) {
    return Status(Code::corrupt, std::string("the record holds no command: ") + error.getDescription().cStr());
  }
}

}  // namespace

Result<CommandSummary> summarize(Bytes payload) {
  return with_command(payload, [](schema::Command::Reader command) {
    CommandSummary summary;
    summary.session = command.getSession();
    summary.sequence = command.getSequence();
    summary.space = command.getSpace();
    KJ_IF_MAYBE (member, capnp::DynamicStruct::Reader(command).which())
      summary.what = member->getProto().getName().cStr();
    else
      summary.what = "unknown";
    describe(command, summary);
    return summary;
  });
}

Result<std::string> command_text(Bytes payload) {
  return with_command(payload, [](schema::Command::Reader command) {
    return std::string(capnp::prettyPrint(command).flatten().cStr());
  });
}

}  // namespace engram::cli
