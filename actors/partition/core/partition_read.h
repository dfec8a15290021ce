#pragma once
// One run of one read over the partition's state (reads.h is what others include).

#include "actors/partition/core/read_filters.h"
#include "actors/partition/core/reads.h"

namespace engram {

class PartitionRead {
 public:
  PartitionRead(PartitionCore& core, schema::Request::Reader request, ReadOutcome& outcome,
                const std::vector<TransactionKey>* among)
      : core_(core), graph_(core.graph()), request_(request), outcome_(outcome), space_{request.getSpace()},
        wait_for_locks_(core.locked()), among_(among) {}

  /// Fills the answer; what it says does not count if anything was missing or locked.
  void run(schema::Answer::Builder answer);

 private:
  using Answer = schema::Answer::Builder;

  void get(schema::GetRequest::Reader request, Answer answer);
  void prefetch(capnp::List<schema::VertexRef>::Reader refs, unsigned from, unsigned to);
  void resolve(capnp::List<capnp::Text>::Reader keys, capnp::List<std::uint64_t>::Builder ids);
  void links(schema::LinksRequest::Reader request, Answer answer);
  bool write_links(LocalId id, const HotVertex& vertex, schema::LinksAnswer::Vertex::Builder out);
  void lookup(schema::LookupRequest::Reader request, Answer answer);
  void write_lookup(schema::LookupRequest::Reader request, const std::vector<LocalId>& ids, bool more, Answer answer);
  void scan(schema::ScanPart::Reader part, Answer answer);
  struct Scanned {
    LocalId id;
    BlobRef head;
    Adjacency out;                 // empty if no edges were asked for
    EdgeSlot from = first_slot;    // its first edge in this page
    std::size_t edges = 0;         // so many are
    bool goes_on = false;          // an earlier page had the vertex
  };
  /// Takes as many edges as there is room for, one at the least. The slot to go on with, if these are not all.
  std::optional<EdgeSlot> take_edges(Scanned& from, std::size_t max_bytes, std::size_t& bytes);
  void write_scan(const CompiledProjection& projection, const std::vector<Scanned>& found,
                  schema::ScanPage::Builder page);
  void statistics(Answer answer);
  void find_space(capnp::Text::Reader name, Answer answer);
  void count_spaces(capnp::List<std::uint64_t>::Reader ids, Answer answer);
  void list_spaces(schema::ListSpaces::Reader request, Answer answer);
  void describe_spaces(Answer answer);
  void write_index(const DeclaredIndex& index, schema::Index::Builder out);

  void neighbors(schema::NeighborsRequest::Reader request, Answer answer);
  void degree(schema::DegreeRequest::Reader request, Answer answer);
  void hop(schema::HopRequest::Reader request, Answer answer);
  void edges(schema::EdgesRequest::Reader request, Answer answer);

  /// The vertex of a reference that lives here; nothing if it is absent (or missing, which is noted).
  std::optional<LocalId> resolve(schema::VertexRef::Reader ref);
  struct Named {
    LocalId id;
    HotVertex* hot;
  };
  /// The same with its head, if it is in this space.
  std::optional<Named> named(schema::VertexRef::Reader ref);
  /// The vertex with its head, of whatever space; null if it is absent, missing or locked. The last two are noted.
  HotVertex* head_of(LocalId id);
  HotVertex* edges_of(LocalId id, Side side);
  HotVertex* if_free(LocalId id, HotVertex* hot, bool edges);
  void write_edge(const CompiledProjection& projection, VertexId own, std::string_view own_key, Side side,
                  const EdgeEntry& entry, schema::Edge::Builder out);

  /// A hop, as it is done for every vertex of the frontier.
  struct HopPlan {
    CompiledVertexFilter admit;
    CompiledEdgeFilter edges;
    std::vector<Side> sides;                   // none: only admits
    std::uint32_t most = ~std::uint32_t{0};    // edges of one vertex
    schema::HopRequest::Payload payload = schema::HopRequest::Payload::NONE;
    std::optional<NameId> cost_property;
    std::size_t most_rows = ~std::size_t{0};   // of all vertices together
  };
  /// What it found: the edges of the frontier's vertices one after the other, and where each vertex's end.
  struct HopRows {
    std::vector<bool> admitted;                // empty: nothing was asked of the vertices
    std::vector<std::uint32_t> ends;
    std::vector<std::uint64_t> neighbours;
    std::vector<double> numbers;               // the payload, if there is one
  };
  Status plan_hop(schema::HopRequest::Reader request, HopPlan& plan);
  /// Error: there is no such vertex. One that is missing or locked is left out.
  Status resolve_seeds(capnp::List<schema::VertexRef>::Reader seeds, std::vector<std::uint64_t>& ids);
  /// False: there are more rows than there may be.
  bool walk(const HopPlan& plan, LocalId id, HopRows& rows);
  std::optional<EdgeEntry> best_between(const Adjacency& edges, VertexId target, const CompiledEdgeFilter& filter,
                                        const std::function<double(const EdgeEntry&)>& cost_of);
  bool lock_free(std::string_view key, bool edges);
  void wait_for_all();
  void keep_those_to_wait_for(std::size_t from);
  /// Counts what is put into the answer; false: it is more than an answer may have.
  bool has_room_for(std::size_t bytes) { return (answer_bytes_ += bytes + 64) <= max_answer_bytes; }
  bool write_vertex(const CompiledProjection& projection, LocalId id, const VertexHead& head,
                    schema::Vertex::Builder out);
  void fail_too_large(Answer answer, const char* what);
  void fail(Answer answer, Status status);

  PartitionCore& core_;
  Graph& graph_;
  schema::Request::Reader request_;
  ReadOutcome& outcome_;
  SpaceId space_;
  bool wait_for_locks_;
  const std::vector<TransactionKey>* among_;  // null: all
  std::size_t answer_bytes_ = 0;
  std::size_t link_bytes_ = 0;
};

/// Which sides a direction walks, in the order of the answer.
std::vector<Side> sides_of(schema::Direction direction);

}  // namespace engram
