// What the log may let wait for another record's sync, and what not.

#include <catch2/catch.hpp>

#include "actors/log/log_actor.h"
#include "actors/partition/transaction_messages.h"

using namespace engram;

namespace {

const TransactionKey transaction{PartitionId{0}, 1, 0};

LogInbox::Entry entry(CommandBytes command) { return {PartitionId{1}, Lsn{1}, 1, 0, std::move(command)}; }

CommandBytes clients_batch() {
  capnp::MallocMessageBuilder message;
  auto command = message.initRoot<schema::Command>();
  command.initBatch().initOperations(1)[0].initPutVertex().setKey("ada");
  return CommandBytes::of(message);
}

}  // namespace

TEST_CASE("somebody waits for a command, and nobody for the end of what is decided") {
  LogInbox inbox;
  inbox.push(entry(decide_message(transaction, true, {})));
  inbox.push(entry(forget_message({transaction})));
  CHECK_FALSE(inbox.pressing());
  CHECK(inbox.waiting() == 2);
  inbox.push(entry(clients_batch()));
  CHECK(inbox.pressing());
}

TEST_CASE("somebody waits for an abort: whoever asked for the outcome hears it once it is durable") {
  LogInbox inbox;
  inbox.push(entry(abort_message(transaction)));
  CHECK(inbox.pressing());
}

TEST_CASE("who waits for a decision presses the log, before it comes or behind it, and until the log has taken it") {
  LogInbox inbox;
  bool first = GENERATE(true, false);
  if (first) inbox.press();
  inbox.push(entry(decide_message(transaction, true, {})));
  if (!first) inbox.press();
  CHECK(inbox.pressing());
  std::vector<LogInbox::Entry> taken;
  inbox.take(taken);
  CHECK(taken.size() == 1);
  CHECK_FALSE(inbox.pressing());
}
