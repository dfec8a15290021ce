#pragma once
// One run over a share's operations (see batch_applier.h, which wraps it in undo).

#include <array>
#include <optional>
#include <span>

#include <absl/container/flat_hash_set.h>

#include "actors/partition/core/batch_applier.h"
#include "storage/hot/properties.h"

namespace engram {

/// Where an operation or a precondition of a share was in the client's batch.
inline std::uint32_t place_of(capnp::List<std::uint32_t>::Reader places, std::uint32_t in_share) {
  return in_share < places.size() ? places[in_share] : in_share;
}

class ShareRun {
 public:
  explicit ShareRun(const ShareContext& context)
      : context_(context),
        graph_(context.graph),
        space_(context.space),
        // What was promised is applied, whatever became of the quota since.
        quota_(context.reserved != nullptr ? SpaceQuota() : graph_.spaces().share(context.space)) {}

  Status check_preconditions(schema::Batch::Reader batch);
  /// That the edges elsewhere of the vertices to delete are those which are unlinked there. Error: conflict.
  Status check_deletions(schema::Batch::Reader batch);
  /// `place`: in the client's batch, for errors.
  Status apply(schema::Operation::Reader operation, std::uint32_t place);
  Status check_plain(schema::Batch::Reader batch, bool count);
  Status apply_plain(schema::Batch::Reader batch, const std::vector<PlainEdge>& edges);
  /// After check_plain: an edge has so many properties already that only a run tells what it will have.
  [[nodiscard]] bool has_large_edge() const { return has_large_edge_; }
  ShareResult result() && { return std::move(result_); }

 private:
  struct End {
    bool here = false;
    bool exists = false;
    VertexId id;  // elsewhere and unknown: a stand-in that no vertex has
    std::optional<Hash128> name;  // of its key, if it was needed
  };

  Status put_vertex(schema::PutVertex::Reader put);
  Status change_vertex(schema::PutVertex::Reader put, LocalId id);
  Status delete_vertex(schema::DeleteVertex::Reader command);
  Status delete_here(schema::DeleteVertex::Reader command);
  /// Of a vertex elsewhere: the edges that it had before the batch, and those that the batch has given it.
  void unlink_deleted(capnp::Text::Reader key);
  void unlink(LocalId own, Side side, const EdgeSlot& slot);
  Status put_edge(schema::PutEdge::Reader put);
  /// `put` null: an upsert that changes no properties.
  Status put_edge_at_source(const EdgeWrite& write, const schema::PutEdge::Reader* put, NameId type, LocalId source,
                            VertexId target);
  Status put_edge_at_target(const EdgeWrite& write, NameId type, VertexId source, LocalId target);
  /// Of the vertex that the key stands for at this operation.
  [[nodiscard]] Hash128 name_now(std::string_view key) const {
    Hash128 name = ResolvedKeys::name(space_.route.id, key);
    if (deletions_.empty()) return name;
    auto deleted = deletions_.find(name);
    return deleted == deletions_.end() ? name : ResolvedKeys::name_after(name, deleted->second);
  }
  [[nodiscard]] Hash128 name_of(const End& end, capnp::Text::Reader key) const {
    return end.name ? *end.name : name_now(text_of(key));
  }
  /// An edge between an own and another partition's vertex was put.
  void remember(const End& own, Side side, const End& other, NameId type, std::int64_t rank);
  Status delete_edge(schema::EdgeKey::Reader edge);
  /// What a look at several edges at once needs of each.
  struct ReadEdge {
    schema::PutEdge::Reader put;
    capnp::Text::Reader source, target;
    bool source_here = false;
    bool target_here = false;
  };
  static constexpr std::uint32_t prefetch_ahead = 8;

  /// Reads up to `prefetch_ahead` edges, and has what a look at them will touch fetched.
  std::span<ReadEdge> read_plain(capnp::List<schema::Operation>::Reader operations, std::uint32_t from, bool edges);
  void prefetch(const std::vector<PlainEdge>& edges, std::size_t from);
  Status apply_plain_edge(capnp::List<schema::Operation>::Reader operations, std::uint32_t at, const PlainEdge& edge);
  Status check_plain_edge(const ReadEdge& edge, bool count);

  Status check(schema::Precondition::Reader condition);
  Status check_vertex(schema::Precondition::Reader condition, std::string_view key);
  Status check_edge(schema::Precondition::Reader condition, schema::EdgeKey::Reader key);

  /// The vertex behind one end of an edge; created if it is here, absent and `create_missing`.
  Result<End> find_end(capnp::Text::Reader key, bool here, const char* field, bool create_missing, bool must_exist);
  void create(std::string_view key, std::vector<NameId> labels, Bytes properties);
  Status pack_changes(capnp::List<schema::Property>::Reader properties, const char* field,
                      std::vector<PropertyChange>& out);
  Result<NameId> intern(capnp::Text::Reader name, const char* field);
  Status quota_status(const char* what, std::uint64_t limit);
  Status check_quota(std::uint64_t more_vertices, std::uint64_t more_edges, std::uint64_t more_bytes);
  /// Of a vertex or an edge. What is too large already may shrink.
  Status check_size(std::size_t bytes, std::size_t bytes_before, const char* field);
  [[nodiscard]] bool is_here(capnp::Text::Reader key) const {
    return owner_of_key(space_.route, text_of(key), graph_.partitions()) == graph_.self();
  }
  [[nodiscard]] std::string field(const char* name) const {
    return "operations[" + std::to_string(place_) + "]." + name;
  }

  const ShareContext& context_;
  Graph& graph_;
  Space& space_;
  SpaceQuota quota_;
  ShareResult result_;
  bool has_large_edge_ = false;
  bool sizes_checked_ = false;  // nothing may fail any more
  absl::flat_hash_set<std::uint64_t> new_edges_;  // of a counted plain share: a second upsert is an update
  std::array<ReadEdge, prefetch_ahead> plain_;   // those under work
  absl::flat_hash_set<Hash128, ResolvedKeys::HashOfHash> changed_here_;  // keys created or deleted by this share
  absl::flat_hash_map<Hash128, std::uint32_t, ResolvedKeys::HashOfHash> deletions_;  // so far, of each key
  unsigned next_unlink_ = 0;  // of the context's
  struct OwnEnd {
    LocalId own;
    Side side;
    EdgeSlot slot;
  };
  /// Ends here of edges that this share has put, by their vertices elsewhere: those may be deleted by a later operation.
  absl::flat_hash_map<Hash128, std::vector<OwnEnd>, ResolvedKeys::HashOfHash> put_here_;
  std::uint32_t place_ = 0;  // of the operation or precondition under work, in the client's batch
  std::string last_type_;  // edges of one batch mostly have one type: no hash for each of them
  NameId last_type_id_;
};

}  // namespace engram
