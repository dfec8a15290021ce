#pragma once
// Lists to which unique elements are appended: the order in which a list grew is in every answer, so that anomalies show.
//
// How the engine is asked (tests/chaos does; any other way that means the same will do): a list is a property of one vertex. To
// append, a client reads one to three vertices, each with its version, and sends one batch that requires these versions and puts
// the longer lists. A read is of one vertex.
//
// What is promised, and checked here:
// - A batch is atomic and isolated, over whatever partitions: what its preconditions saw and what it writes is of one moment.
// - That moment is between the call and its answer. So batches and reads of single vertices together are strictly serializable:
//   there is one order of them all that agrees with every answer and with time.
// - An answer `failed` means that nothing of the batch was ever seen; one that did not come leaves it open.
// - A vertex's version grows with every change of it.
// What is not promised, and so not to be entered as one transaction: a read of several vertices is not a snapshot. Enter it as
// reads of one vertex each, all with the time of the call.
//
// Kinds of anomalies:
//   "from nowhere"  an element that nobody appended          "aborted"     one whose append had failed was read
//   "intermediate"  a read between two appends of one batch  "duplicate"   an element twice in one list
//   "order"         two lists of which neither begins with the other: one of two appends was overwritten
//   "lost"          an acknowledged element is missing in a list that was read later
//   "version"       two lists at one version, or a longer list at a lower one
//   "G0", "G1c", "G-single", "G2", each also with "-time": a cycle, see cycles.h
//   "history"       the history itself is wrong: an element is appended twice

#include <optional>
#include <string>
#include <vector>

#include "tests/history/operation.h"

namespace engram::history {

using Element = std::int64_t;

/// What a transaction has to do with one list.
struct ListAccess {
  std::string key;
  std::uint64_t version = 0;              // of the vertex as it was read; 0: it was not there
  std::vector<Element> read = {};         // the list at that version, in order
  std::vector<Element> appended = {};     // one by one, if several; empty: only read
  std::optional<std::uint64_t> written_version = {};  // that the appends gave it, if the answer told
};

/// An append to several lists (its reads are preconditions), or a read of one.
struct ListTransaction : Operation {
  std::vector<ListAccess> lists;
};

Anomalies check_list_append(const std::vector<ListTransaction>& history);

}  // namespace engram::history
