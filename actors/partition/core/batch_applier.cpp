#include "actors/partition/core/batch_applier.h"

#include <algorithm>

#include "actors/partition/core/key_prefetch.h"
#include "actors/partition/core/share_run.h"

namespace engram {

namespace {

ShareResult apply_if_good(const ShareContext& context, schema::Batch::Reader batch) {
  ShareResult result = check_plain_share(context, batch, /*count=*/false);
  if (!result.status.ok()) return result;
  ShareResult applied = apply_plain_share(context, batch, result.edges);
  result.status = std::move(applied.status);
  result.counts = applied.counts;
  return result;
}

}  // namespace

ShareResult apply_share(const ShareContext& context, schema::Batch::Reader batch, bool tentative) {
  if (!tentative && context.reserved == nullptr && is_plain_share(context.space, batch))
    return apply_if_good(context, batch);
  // One operation checks everything before it changes anything, unless it creates its ends: nothing to take back.
  auto operations = batch.getOperations();
  bool creates_ends = operations.size() == 1 && operations[0].isPutEdge() && operations[0].getPutEdge().getCreateMissing();
  bool undo = tentative || operations.size() > 1 || creates_ends;
  if (undo) context.graph.begin(context.space);
  ShareRun run(context);
  Status status = run.check_preconditions(batch);
  if (status.ok() && context.reserved == nullptr) status = run.check_deletions(batch);
  // Else its locks were looked for just now, and what that touched is in the cache.
  bool prepared_before = !tentative && context.reserved != nullptr;
  for (std::uint32_t i = 0; status.ok() && i < operations.size(); ++i) {
    if (prepared_before) prefetch_keys(context.graph, context.space.route.id, operations, i);
    status = run.apply(operations[i], place_of(batch.getOperationPlaces(), i));
  }
  ShareResult result = std::move(run).result();
  result.status = std::move(status);
  if (undo && (tentative || !result.status.ok())) {
    context.graph.rollback();
  } else if (undo) {
    context.graph.commit();
  }
  return result;
}

bool is_plain_share(const Space& space, schema::Batch::Reader batch) {
  if (batch.getPreconditions().size() > 0 || space.quota.vertices != 0 || space.quota.edges != 0 ||
      space.quota.bytes != 0)
    return false;
  for (schema::Operation::Reader operation : batch.getOperations()) {
    if (!operation.isPutEdge()) return false;
    auto put = operation.getPutEdge();
    if (put.getMode() != schema::PutMode::UPSERT || put.getCreateMissing()) return false;
  }
  return true;
}

ShareResult check_plain_share(const ShareContext& context, schema::Batch::Reader batch, bool count) {
  ShareRun run(context);
  Status status = run.check_plain(batch, count);
  if (status.ok() && run.has_large_edge()) return apply_share(context, batch, /*tentative=*/true);
  ShareResult result = std::move(run).result();
  result.status = std::move(status);
  return result;
}

ShareResult apply_plain_share(const ShareContext& context, schema::Batch::Reader batch,
                              const std::vector<PlainEdge>& edges) {
  ShareRun run(context);
  Status status = run.apply_plain(batch, edges);
  ShareResult result = std::move(run).result();
  result.status = std::move(status);
  return result;
}

namespace {

class Toucher {
 public:
  Toucher(Graph& graph, const Space& space) : graph_(graph), space_(space) {}

  void vertex(capnp::Text::Reader key, std::initializer_list<Side> sides) {
    if (owner_of_key(space_.route, text_of(key), graph_.partitions()) != graph_.self()) return;
    LocalId id;
    if (graph_.find_key(space_.route.id, text_of(key), id) != Presence::present) return;
    if (sides.size() == 0) graph_.vertex(id);
    for (Side side : sides) graph_.vertex_with(id, side);
  }

  /// A vertex that is deleted takes its edges at their other ends with it.
  void deleted_vertex(capnp::Text::Reader key) {
    vertex(key, {Side::out, Side::in});
    LocalId id;
    if (owner_of_key(space_.route, text_of(key), graph_.partitions()) != graph_.self() ||
        graph_.find_key(space_.route.id, text_of(key), id) != Presence::present)
      return;
    const HotVertex* hot = graph_.hot().peek(id);
    if (hot == nullptr || !hot->out.loaded() || !hot->in.loaded()) return;
    for (Side side : {Side::out, Side::in}) {
      Adjacency edges = hot->edges(side);  // shared, so that loading others cannot move it
      EdgeEntry entry;
      for (auto cursor = edges.begin(); cursor.next(entry);)
        if (entry.slot.neighbour.partition() == graph_.self())
          graph_.vertex_with(entry.slot.neighbour.local(), side == Side::out ? Side::in : Side::out);
    }
  }

 private:
  Graph& graph_;
  const Space& space_;
};

}  // namespace

bool touch_share(Graph& graph, const Space& space, schema::Batch::Reader batch, schema::Deletions::Reader deletions,
                 Needs& needs) {
  if (graph.complete()) return true;
  graph.record_misses(&needs);
  Toucher touch(graph, space);
  for (schema::Precondition::Reader condition : batch.getPreconditions()) {
    auto subject = condition.getSubject();
    if (subject.isVertex()) touch.vertex(subject.getVertex(), {});
    if (subject.isEdge()) {
      touch.vertex(subject.getEdge().getSource(), {Side::out});
      touch.vertex(subject.getEdge().getTarget(), {});
    }
  }
  for (schema::Operation::Reader operation : batch.getOperations()) {
    switch (operation.which()) {
      case schema::Operation::PUT_VERTEX: touch.vertex(operation.getPutVertex().getKey(), {}); break;
      case schema::Operation::DELETE_VERTEX: touch.deleted_vertex(operation.getDeleteVertex().getKey()); break;
      case schema::Operation::PUT_EDGE:
        touch.vertex(operation.getPutEdge().getEdge().getSource(), {Side::out});
        touch.vertex(operation.getPutEdge().getEdge().getTarget(), {Side::in});
        break;
      case schema::Operation::DELETE_EDGE:
        touch.vertex(operation.getDeleteEdge().getSource(), {Side::out});
        touch.vertex(operation.getDeleteEdge().getTarget(), {Side::in});
        break;
    }
  }
  for (schema::Unlink::Reader entry : deletions.getUnlink())
    graph.vertex_with(VertexId{entry.getVertex()}.local(), entry.getIncoming() ? Side::in : Side::out);
  graph.record_misses(nullptr);
  return needs.empty();
}

}  // namespace engram
