#include "actors/partition/batch_owners.h"

#include "actors/partition/core/batch_applier.h"

namespace engram {

BatchOwners::BatchOwners(schema::Batch::Reader batch, const SpaceRoute& space, std::uint32_t partitions)
    : partitions_(partitions) {
  auto vertex = [&](capnp::Text::Reader key) {
    PartitionId owner = owner_of_key(space, text_of(key), partitions);
    return Ends{owner, owner};
  };
  auto edge = [&](schema::EdgeKey::Reader key) {
    return Ends{owner_of_key(space, text_of(key.getSource()), partitions),
                owner_of_key(space, text_of(key.getTarget()), partitions)};
  };
  auto of_operation = [&](schema::Operation::Reader operation) {
    switch (operation.which()) {
      case schema::Operation::PUT_VERTEX: return vertex(operation.getPutVertex().getKey());
      case schema::Operation::DELETE_VERTEX: return vertex(operation.getDeleteVertex().getKey());
      case schema::Operation::PUT_EDGE: return edge(operation.getPutEdge().getEdge());
      case schema::Operation::DELETE_EDGE: return edge(operation.getDeleteEdge());
    }
    return Ends();  // refused before it got here
  };
  operations_.reserve(batch.getOperations().size());
  for (schema::Operation::Reader operation : batch.getOperations()) {
    operations_.push_back(of_operation(operation));
    deletes_vertices_ = deletes_vertices_ || operation.isDeleteVertex();
  }
  preconditions_.reserve(batch.getPreconditions().size());
  for (schema::Precondition::Reader condition : batch.getPreconditions()) {
    auto subject = condition.getSubject();
    preconditions_.push_back(subject.isVertex() ? vertex(subject.getVertex()) : edge(subject.getEdge()));
  }
}

std::vector<PartitionId> BatchOwners::others(PartitionId self) const {
  std::vector<bool> involved(partitions_, false);
  for (const std::vector<Ends>* all : {&operations_, &preconditions_})
    for (const Ends& ends : *all) involved[ends.first.value] = involved[ends.second.value] = true;
  std::vector<PartitionId> others;
  for (std::uint16_t i = 0; i < partitions_; ++i)
    if (involved[i] && PartitionId{i} != self) others.push_back({i});
  return others;
}

}  // namespace engram
