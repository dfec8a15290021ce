#pragma once
// What arrives at a partition. One type for all, so that its actor has one handler and its mailbox one order.

#include <memory>
#include <set>
#include <variant>
#include <vector>

#include "actors/messages/frame.h"
#include "actors/partition/core/lock_table.h"
#include "actors/partition/core/residency.h"
#include "schema/peer.capnp.h"
#include "storage/base/checksum.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"

namespace engram {

/// Where an Answer goes. Called at most once, on any thread; if it is let go without a call, the caller's deadline is
/// what ends the wait.
class ReplyPort {
 public:
  virtual ~ReplyPort() = default;
  virtual void reply(Frame answer) = 0;
  /// True once nobody waits any more: work for it may be dropped.
  [[nodiscard]] virtual bool cancelled() const { return false; }
};
using ReplyPortPtr = std::shared_ptr<ReplyPort>;

/// One call of a client, in the log lines of every node that it touches. 0: of no client.
struct RequestNumber {
  std::uint64_t value = 0;
  bool operator==(const RequestNumber&) const = default;
};

/// A schema Request. Votes, acknowledgements and questions about outcomes have no port.
struct RequestMail {
  Frame request;
  ReplyPortPtr port;
  PartitionId from;
  /// Of a request from another node: in its frame is that node's time. 0: as the frame says.
  std::int64_t deadline_ns = 0;
  /// Once it had to wait: what was prepared when it came. Later transactions cannot have been acknowledged before it.
  std::shared_ptr<const std::vector<TransactionKey>> waits_among;
  RequestNumber request_number;
};
inline std::int64_t deadline_of(const RequestMail& mail) {
  return mail.deadline_ns != 0 ? mail.deadline_ns : mail.request.read<schema::Request>().getDeadlineNs();
}
/// A client's command, checked by the gateway.
struct SubmitMail {
  CommandBytes command;
  ReplyPortPtr port;
  std::int64_t deadline_ns = 0;
  RequestNumber request_number;
};
/// A command of another partition that is to be logged here: prepare or decide.
struct PeerCommandMail {
  CommandBytes command;
  RequestNumber request_number;
};
/// Every record of this partition up to `lsn` is on disk.
struct DurableMail {
  Lsn lsn;
};
/// The log had no room: the records from `first` on were not written, and their numbers are free again.
struct RefusedMail {
  Lsn first;
  std::uint64_t epoch = 0;  // of the appends that it is about
  Status status;
};
struct LoadedMail {
  std::uint64_t load = 0;
  Result<LoadedParts> parts;
};
struct WrittenBackMail {
  Status status;
  Lsn lsn;
};
/// The ids of an edge's targets, for a transaction that is about to be prepared.
struct TargetsMail {
  std::uint64_t transaction = 0;
  PartitionId owner;
  std::vector<Hash128> keys;  // their names (resolved_keys.h), in the order of the answer
  Frame answer;
};
/// The log is replayed and all actors are there: takes up numbering behind the last record, and what was left in doubt.
struct RecoveredMail {
  Lsn written_back;   // what the warm store had before the replay
  ReplyPortPtr port;  // answered once nothing of before is undecided any more
};
/// The connection to the node of these partitions is a new one: what was sent on the one before may be lost with it.
struct ReconnectedMail {
  std::shared_ptr<const std::set<PartitionId>> partitions;
};
struct TickMail {};
/// Goes on with what is done step by step, so that others run in between.
struct StepMail {};
/// Flush everything to the warm store, then reply (shutdown).
struct FlushMail {
  ReplyPortPtr port;
};

using Mail = std::variant<RequestMail, SubmitMail, PeerCommandMail, DurableMail, RefusedMail, LoadedMail,
                          WrittenBackMail, TargetsMail, RecoveredMail, ReconnectedMail,
                          TickMail, StepMail, FlushMail>;

}  // namespace engram
