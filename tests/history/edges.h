#pragma once
// Edges, each of which is stored at its source and at its target, which may be on two nodes.
//
// How the engine is asked: each edge is linked once by one operation, and unlinked at most once, by an operation that began when
// the link was acknowledged. Reads are of all outgoing or all incoming edges of one vertex.
//
// What is promised, and checked here: an edge is there at both ends or at none; also between two reads of which the second began
// when the first had ended. An acknowledged link or unlink is seen by every later read, at either end; one that failed by none.
//
// Kinds of anomalies:
//   "one end"       there at one end only, when nothing is under way any more
//   "lost"          linked, not unlinked, and not there at the end
//   "aborted"       its link failed, or its unlink was acknowledged, and it is there
//   "stale"         a read does not have what was acknowledged or seen at one of the ends before, or still has what was gone
//   "from nowhere"  nobody had linked it               "duplicate"  twice at one end
//   "history"       linked twice, or unlinked without having been linked

#include <string>
#include <vector>

#include "tests/history/operation.h"

namespace engram::history {

struct EdgeName {
  std::string source;
  std::string type;
  std::string target;
  std::int64_t rank = 0;
  auto operator<=>(const EdgeName&) const = default;
};

struct LinkChange : Operation {
  EdgeName edge;
  bool unlink = false;
};

/// One with an answer.
struct EdgeRead : Operation {
  std::string vertex;
  bool incoming = false;
  std::vector<EdgeName> edges;
};

struct EdgeHistory {
  std::vector<LinkChange> changes;
  std::vector<EdgeRead> reads;
  // What all sources and all targets have when nothing is under way any more.
  std::vector<EdgeName> outgoing, incoming;
};

Anomalies check_edges(const EdgeHistory& history);

}  // namespace engram::history
