#include "actors/partition/core/command_locks.h"

#include "actors/partition/core/batch_applier.h"
#include "actors/partition/core/key_prefetch.h"
#include "actors/partition/core/share_run.h"

namespace engram {
namespace {

class LockCollector {
 public:
  LockCollector(Graph& graph, const Space& space) : graph_(graph), space_(space), space_id_(space.route.id) {}

  void batch(schema::Batch::Reader share, schema::Deletions::Reader deletions) {
    auto operations = share.getOperations();
    auto unlink = deletions.getUnlink();
    std::uint32_t next_unlink = 0;
    for (std::uint32_t i = 0; i < operations.size(); ++i) {
      prefetch_keys(graph_, space_id_, operations, i);
      auto operation = operations[i];
      switch (operation.which()) {
        case schema::Operation::PUT_VERTEX: vertex(operation.getPutVertex().getKey(), LockMode::change); break;
        case schema::Operation::DELETE_VERTEX:
          vertex(operation.getDeleteVertex().getKey(), LockMode::exclusive);
          for (auto place = place_of(share.getOperationPlaces(), i);
               next_unlink < unlink.size() && unlink[next_unlink].getOperation() == place; ++next_unlink)
            unlinked(unlink[next_unlink], text_of(operation.getDeleteVertex().getKey()));
          break;
        case schema::Operation::PUT_EDGE: edge(operation.getPutEdge().getEdge(), operation.getPutEdge().getCreateMissing()); break;
        case schema::Operation::DELETE_EDGE: edge(operation.getDeleteEdge(), false); break;
      }
    }
    for (auto condition : share.getPreconditions()) {
      if (condition.getSubject().isVertex()) vertex(condition.getSubject().getVertex(), LockMode::change);
      if (condition.getSubject().isEdge()) edge(condition.getSubject().getEdge(), false);
    }
  }

  /// Of an edge that goes with a vertex elsewhere, whose key is `gone`: its own end stays as it is.
  void unlinked(schema::Unlink::Reader entry, std::string_view gone) {
    HotVertex* hot = graph_.vertex(VertexId{entry.getVertex()}.local());
    if (hot == nullptr) {  // a prepared transaction is about to create it, and its key is not known here
      locks_.push_back({reserved_lock(VertexId{entry.getVertex()}), LockMode::existence});
      return;
    }
    auto own = parse_head(hot->head.bytes())->key;
    bool in = entry.getIncoming();
    // The edge itself too: a transaction that is prepared here may be about to add, change or remove it.
    locks_.push_back({edge_lock(space_id_, in ? gone : own, text_of(entry.getType()), in ? own : gone, entry.getRank()),
                      LockMode::change});
    locks_.push_back({vertex_lock(space_id_, own), LockMode::existence});
  }

  std::vector<LockRequest> take() { return std::move(locks_); }

 private:
  [[nodiscard]] bool here(std::string_view key) const {
    return owner_of_key(space_.route, key, graph_.partitions()) == graph_.self();
  }
  [[nodiscard]] bool exists(std::string_view key) {
    LocalId id;
    return graph_.find_key(space_id_, key, id) == Presence::present;
  }

  void vertex(capnp::Text::Reader text, LockMode if_there) {
    std::string_view key = text_of(text);
    if (here(key)) locks_.push_back({vertex_lock(space_id_, key), exists(key) ? if_there : LockMode::exclusive});
  }

  /// An edge whose ends have to be there does not create them: it fails if they are not, and needs no look.
  void end(std::string_view key, bool create_missing) {
    LockMode mode = create_missing && !exists(key) ? LockMode::exclusive : LockMode::existence;
    locks_.push_back({vertex_lock(space_id_, key), mode});
  }

  void edge(schema::EdgeKey::Reader key, bool create_missing) {
    std::string_view source = text_of(key.getSource()), target = text_of(key.getTarget());
    bool source_here = here(source), target_here = here(target);
    if (source_here) end(source, create_missing);
    if (target_here) end(target, create_missing);
    if (source_here || target_here)
      locks_.push_back({edge_lock(space_id_, source, text_of(key.getType()), target, key.getRank()), LockMode::change});
  }

  Graph& graph_;
  const Space& space_;
  SpaceId space_id_;
  std::vector<LockRequest> locks_;
};

}  // namespace

std::vector<LockRequest> locks_of(Graph& graph, schema::Command::Reader command) {
  const Space* space = graph.spaces().find({command.getSpace()});
  if (space == nullptr) return {};
  LockCollector collect(graph, *space);
  if (command.isBatch()) collect.batch(command.getBatch(), {});
  if (command.isCommit() && command.getCommit().hasBatch())
    collect.batch(command.getCommit().getBatch(), command.getCommit().getDeletions());
  if (command.isPrepare()) {
    auto prepare = command.getPrepare();
    if (prepare.hasBatch()) collect.batch(prepare.getBatch(), prepare.getDeletions());
    for (auto entry : prepare.getUnlink()) collect.unlinked(entry, text_of(prepare.getUnlinkKey()));
  }
  return collect.take();
}

}  // namespace engram
