#pragma once
// Applies one partition's share of a batch to the graph: the operations and the ends of edges that live here, in order.
// The whole share takes effect or, on an error, nothing of it.

#include <string_view>
#include <vector>

#include "actors/partition/core/graph.h"
#include "actors/partition/core/lock_table.h"
#include "actors/partition/core/resolved_keys.h"
#include "schema/command.capnp.h"

namespace engram {

/// Of the labels and properties of one vertex, or the properties of one edge, as they are stored: over any number of
/// upserts, each of which is far smaller. What is larger would have to be rewritten whole with every change, and would not
/// fit into the answers of reads.
inline constexpr std::size_t max_stored_bytes = std::size_t{16} << 20;

struct BatchCounts {
  std::uint32_t created = 0;
  std::uint32_t updated = 0;
  std::uint64_t deleted = 0;
};

struct ShareContext {
  Graph& graph;
  Space& space;
  Stamp stamp;
  /// Of vertices elsewhere. One that is missing is taken as a vertex that does not exist yet (during a tentative run).
  const ResolvedKeys& resolved;
  /// Ids that a tentative run reserved for vertices to create; null: new ones are taken.
  const ResolvedKeys* reserved = nullptr;
  /// Of a transaction; a batch of one partition has none, and its vertices no edges elsewhere.
  schema::Deletions::Reader deletions;
};

/// What an upsert says of an edge beside its ends, its type and its properties.
struct EdgeWrite {
  std::int64_t rank = 0;
  double weight = 0;
  bool keep_weight = false;
  bool changes_properties = false;

  static EdgeWrite of(schema::PutEdge::Reader put) {
    return {put.getEdge().getRank(), put.getWeight(), put.getKeepWeight(), put.getProperties().size() > 0 || put.getReplace()};
  }
};

/// A checked edge, so that nothing of it is looked up or read again. Neither end here: it is not of this share.
struct PlainEdge {
  VertexId source, target;
  EdgeWrite write;
  Hash128 elsewhere;  // the name of the end that is not here, whose id may be known later
  NameId type;
  bool source_here = false;
  bool target_here = false;
};

struct ShareResult {
  Status status;  // its field names the operation: "operations[3].putEdge.edge.target"
  BatchCounts counts;
  ResolvedKeys created;   // vertices that this share created
  ResolvedKeys own_ends;  // ends of edges here whose other end is elsewhere
  std::vector<PlainEdge> edges;  // of each operation of a checked plain share
};

/// Runs the share and keeps its effects if it succeeds. With `tentative`, its effects are taken back in any case: what
/// remains are the answers, and the ids reserved for `created`.
ShareResult apply_share(const ShareContext& context, schema::Batch::Reader batch, bool tentative);

/// A share of nothing but upserts of edges between vertices that have to be there, in a space without quotas: what a load
/// sends. Once `check_plain_share` found it good, it cannot fail any more, and is applied without a way back.
bool is_plain_share(const Space& space, schema::Batch::Reader batch);
/// Answers as a tentative apply_share would, without touching the graph. The counts cost look-ups of edges: only if asked.
ShareResult check_plain_share(const ShareContext& context, schema::Batch::Reader batch, bool count);
/// Applies a plain share that was checked, and not changed since. `edges`: what the check found; empty after a restart.
ShareResult apply_plain_share(const ShareContext& context, schema::Batch::Reader batch,
                              const std::vector<PlainEdge>& edges);

/// Notes what the share needs in memory. True: all is here.
bool touch_share(Graph& graph, const Space& space, schema::Batch::Reader batch, schema::Deletions::Reader deletions,
                 Needs& needs);

inline std::string_view text_of(capnp::Text::Reader text) { return {text.begin(), text.size()}; }
/// Whole, also if it holds a NUL, at which a `const char*` would end.
inline capnp::Text::Reader whole_text(const std::string& text) { return {text.c_str(), text.size()}; }

}  // namespace engram
