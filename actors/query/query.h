#pragma once
// One read over several partitions, as a state machine without threads or actors: it asks partitions, is told their
// answers, and in the end has a reply. What runs it (an actor in the engine, a loop in a test) is a QueryHost.

#include <cstdint>
#include <functional>
#include <memory>

#include "actors/messages/frame.h"
#include "actors/query/read_memory.h"
#include "storage/base/placement.h"
#include "schema/client.capnp.h"
#include "schema/peer.capnp.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"

namespace engram {

class QueryHost {
 public:
  virtual ~QueryHost() = default;
  /// Sends a `Request`. Its `Answer` comes back by Query::answered with the same tag, in any order, possibly before
  /// `ask` returns is NOT allowed: hosts deliver answers only after the query's handler returned.
  virtual void ask(PartitionId partition, Frame request, std::uint64_t tag) = 0;
  /// The query is over: `reply` has the root that the query's class documents (for example ExpandReply).
  virtual void finish(Frame reply) = 0;
  /// True once the caller went away or its time ran out: the query then finishes without asking any further.
  [[nodiscard]] virtual Status interrupted() const = 0;
};

/// What every query needs to know.
struct QueryContext {
  SpaceRoute space;
  std::uint32_t partitions = 1;
  std::int64_t deadline_ns = 0;  // copied into requests; 0: none
  std::size_t memory_bytes = 0;  // what the query may hold, answers under way included; 0: any amount
  ReadMemory* all_reads = nullptr;  // what it has its part in; null: nobody counts
};

class Query {
 public:
  virtual ~Query() = default;
  /// The request was checked by validate_... before; it outlives the query.
  virtual void start(QueryHost& host) = 0;
  virtual void answered(QueryHost& host, std::uint64_t tag, PartitionId from, const Frame& answer) = 0;
  /// The time is over, and `why` is who has not answered. The query finishes, with what it has or with that error.
  virtual void give_up(QueryHost& host, const Status& why) = 0;
};

std::unique_ptr<Query> make_get(const QueryContext& context, schema::GetRequest::Reader request);              // GetReply
std::unique_ptr<Query> make_get_edges(const QueryContext& context, schema::GetEdgeRequest::Reader request);    // GetEdgeReply
std::unique_ptr<Query> make_neighbors(const QueryContext& context, schema::NeighborsRequest::Reader request);  // NeighborsReply
std::unique_ptr<Query> make_degree(const QueryContext& context, schema::DegreeRequest::Reader request);        // DegreeReply
std::unique_ptr<Query> make_expand(const QueryContext& context, schema::ExpandRequest::Reader request);        // ExpandReply
std::unique_ptr<Query> make_path(const QueryContext& context, schema::PathRequest::Reader request);            // PathReply
std::unique_ptr<Query> make_recall(const QueryContext& context, schema::RecallRequest::Reader request);        // RecallReply
std::unique_ptr<Query> make_lookup(const QueryContext& context, schema::LookupRequest::Reader request);        // LookupReply
std::unique_ptr<Query> make_statistics(const QueryContext& context);                                           // StatisticsReply
/// Whether a page of a scan, or of a look-up, can have contained it, or it is empty: from the start.
bool is_scan_cursor(capnp::Data::Reader scan_cursor);
bool is_lookup_cursor(capnp::Data::Reader cursor);
/// Whether a scan that goes on from this cursor begins with more edges of a vertex that was in the page before.
bool goes_on_within_vertex(capnp::Data::Reader scan_cursor);
/// One page of a scan: the partitions one after another, in the order of their numbers. An Answer with `scan` or `error` (a
/// ScanPage has no place for an error). The page has vertices or is the last; its cursor goes on behind it, empty: the end.
std::unique_ptr<Query> make_scan_page(const QueryContext& context, schema::ScanRequest::Reader request,
                                      std::uint32_t max_vertices, std::uint32_t max_bytes);

/// Checks of requests, before anything is asked: limits, depths, NaN, empty keys, UTF-8. The error names the field.
Status validate(schema::GetRequest::Reader request);
Status validate(schema::GetEdgeRequest::Reader request);
Status validate(schema::NeighborsRequest::Reader request);
Status validate(schema::DegreeRequest::Reader request);
Status validate(schema::ExpandRequest::Reader request);
Status validate(schema::PathRequest::Reader request);
Status validate(schema::RecallRequest::Reader request);
Status validate(schema::LookupRequest::Reader request);
Status validate(schema::ScanRequest::Reader request);

}  // namespace engram
