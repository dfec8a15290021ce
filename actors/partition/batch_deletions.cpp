#include "actors/partition/batch_deletions.h"

#include <algorithm>
#include <tuple>

#include "actors/partition/core/batch_applier.h"
#include "actors/partition/core/vertex_links.h"
#include "schema/peer.capnp.h"

namespace engram {

void BatchDeletions::Deleted::concern(PartitionId partition) {
  if (partition != owner && std::find(concerned.begin(), concerned.end(), partition) == concerned.end())
    concerned.push_back(partition);
}

BatchDeletions::BatchDeletions(schema::Batch::Reader batch, const BatchOwners& owners, SpaceId space)
    : of_place_(batch.getOperations().size(), none) {
  auto operations = batch.getOperations();
  for (std::uint32_t place = 0; place < operations.size(); ++place) {
    if (!operations[place].isDeleteVertex()) continue;
    Hash128 name = ResolvedKeys::name(space, text_of(operations[place].getDeleteVertex().getKey()));
    auto [known, is_new] = by_name_.try_emplace(name, static_cast<std::uint32_t>(deleted_.size()));
    of_place_[place] = known->second;
    if (!is_new) continue;
    Deleted& deleted = deleted_.emplace_back();
    deleted.owner = owners.operations()[place].first;
    deleted.first = place;
    by_owner_[deleted.owner].push_back(place);
  }
  for (std::uint32_t place = 0; place < operations.size(); ++place) {
    auto operation = operations[place];
    if (!operation.isPutEdge() && !operation.isDeleteEdge()) continue;
    auto edge = operation.isPutEdge() ? operation.getPutEdge().getEdge() : operation.getDeleteEdge();
    add_edge(edge, owners.operations()[place], place, space);
  }
}

void BatchDeletions::add_edge(schema::EdgeKey::Reader edge, const BatchOwners::Ends& ends, std::uint32_t place,
                              SpaceId space) {
  if (ends.first == ends.second) return;
  for (auto key : {edge.getSource(), edge.getTarget()}) {
    auto found = by_name_.find(ResolvedKeys::name(space, text_of(key)));
    if (found == by_name_.end()) continue;
    Deleted& deleted = deleted_[found->second];
    deleted.concern(ends.first);
    deleted.concern(ends.second);
    has_later_edges_ = has_later_edges_ || place > deleted.first;
  }
}

Status BatchDeletions::add(PartitionId owner, Frame answer) {
  auto vertices = answer.read<schema::Answer>().getLinks().getVertices();
  const std::vector<std::uint32_t>& places = by_owner_.at(owner);
  auto number = static_cast<std::uint16_t>(answers_.size());
  for (std::uint32_t i = 0; i < vertices.size(); ++i) {
    Deleted& deleted = deleted_[of_place_[places.at(i)]];
    deleted.digest = vertices[i].getDigest();
    auto links = vertices[i].getElsewhere();
    for (std::uint32_t link = 0; link < links.size(); ++link) {
      PartitionId at = VertexId{links[link].getVertex()}.partition();
      bytes_ += link_bytes + links[link].getType().size();
      deleted.concern(at);
      links_.push_back({at, number, deleted.first, i, link});
    }
  }
  answers_.push_back(std::move(answer));
  if (bytes_ > max_batch_link_bytes)
    return {Code::too_large,
            "The vertices that this batch deletes have too many edges into other partitions; delete fewer at a time, or the "
            "largest with commands of their own.",
            "operations", max_batch_link_bytes};
  std::sort(links_.begin(), links_.end(), [](const Link& one, const Link& other) {
    return std::tie(one.at, one.place, one.link) < std::tie(other.at, other.place, other.link);
  });
  elsewhere_.clear();
  for (const Link& link : links_)
    if (elsewhere_.empty() || elsewhere_.back() != link.at) elsewhere_.push_back(link.at);
  return {};
}

bool BatchDeletions::concerns(std::uint32_t place, PartitionId partition) const {
  if (of_place_[place] == none) return false;
  const auto& concerned = deleted_[of_place_[place]].concerned;
  return std::find(concerned.begin(), concerned.end(), partition) != concerned.end();
}

void BatchDeletions::write(PartitionId share, schema::Deletions::Builder out) const {
  out.setOrdered(true);
  auto here = [share](const Link& link) { return link.at == share; };
  auto first = std::find_if(links_.begin(), links_.end(), here);
  auto last = std::find_if_not(first, links_.end(), here);
  auto unlink = out.initUnlink(static_cast<unsigned>(last - first));
  for (unsigned i = 0; first != last; ++first, ++i) {
    auto vertices = answers_[first->answer].read<schema::Answer>().getLinks().getVertices();
    unlink.setWithCaveats(i, vertices[first->vertex].getElsewhere()[first->link]);
    unlink[i].setOperation(first->place);
  }
  auto own = by_owner_.find(share);
  if (own == by_owner_.end()) return;
  auto found = out.initFound(static_cast<unsigned>(own->second.size()));
  for (unsigned i = 0; i < found.size(); ++i) {
    found[i].setOperation(own->second[i]);
    found[i].setDigest(deleted_[of_place_[own->second[i]]].digest);
  }
}

}  // namespace engram
