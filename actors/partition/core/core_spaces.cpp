// Spaces and indexes in the partition core.

#include "actors/partition/core/partition_core.h"

namespace engram {
namespace {

SpaceQuota read_quota(schema::Quota::Reader quota) {
  return {quota.getVertices(), quota.getEdges(), quota.getBytes()};
}

}  // namespace

void PartitionCore::run_space_command(const LoggedCommand& record, schema::Command::Reader command, Effects& effects) {
  if (auto first = sessions_.find(command.getSession(), command.getSequence())) {
    effects.push_back({Effect::Kind::reply, record.lsn, {}, std::move(*first), false, {}, {}, {}});
    return;
  }
  capnp::MallocMessageBuilder message;
  auto change = message.initRoot<schema::SpaceChange>();
  space_change_of(command, change);
  Outcome outcome;
  outcome.status = check_space_change({command.getSpace()}, change);
  if (outcome.status.ok())
    outcome.space = apply_space_change({command.getSpace()}, change, record.accepted_ns);
  answer(record, command, std::move(outcome), effects);
}

void space_change_of(schema::Command::Reader command, schema::SpaceChange::Builder change) {
  change.setCreatedBySession(command.getSession());
  change.setCreatedBySequence(command.getSequence());
  switch (command.which()) {
    case schema::Command::CREATE_SPACE: change.setCreate(command.getCreateSpace()); break;
    case schema::Command::DROP_SPACE: change.setDrop(); break;
    case schema::Command::SET_QUOTA: change.setSetQuota(command.getSetQuota()); break;
    case schema::Command::DECLARE_INDEX: change.setDeclareIndex(command.getDeclareIndex()); break;
    case schema::Command::DROP_INDEX: change.setDropIndex(command.getDropIndex()); break;
    default: change.setNone(); break;
  }
}

Status PartitionCore::check_space_change(SpaceId id, schema::SpaceChange::Reader change) {
  if (change.isCreate()) {
    if (graph_.spaces().find_name(text_of(change.getCreate().getName())) != nullptr)
      return {Code::space_exists, "There is a space of this name already.", "createSpace.name"};
    return {};
  }
  Space* space = graph_.spaces().find(id);
  if (space == nullptr) return {Code::unknown_space, "There is no such space; it may have been dropped.", "space"};
  if (change.isDrop() && id.value == 0)
    return {Code::invalid_argument, "The space `default` cannot be dropped; delete its vertices instead.", "space"};
  if (!change.isDeclareIndex() && !change.isDropIndex()) return {};
  auto index = change.isDeclareIndex() ? change.getDeclareIndex() : change.getDropIndex();
  auto label = index.getLabel().size() == 0 ? std::optional(NameId{}) : graph_.dictionary().find(text_of(index.getLabel()));
  auto property = graph_.dictionary().find(text_of(index.getProperty()));
  bool known = label && property && space->find_index(*label, *property) != nullptr;
  // Both names are added when the change is applied, and others may come first.
  constexpr std::size_t room_for_names = 4'096;
  if (change.isDeclareIndex() && (!label || !property) && !graph_.dictionary().has_room(room_for_names))
    return {Code::too_large, "A partition has as many names of labels, types and properties as it may: use names that are known.",
            "declareIndex", Dictionary::max_names};
  if (change.isDeclareIndex() && known)
    return {Code::index_exists, "This label and property are indexed already.", "declareIndex"};
  if (change.isDropIndex() && !known)
    return {Code::unknown_index, "This label and property are not indexed.", "dropIndex"};
  return {};
}

bool PartitionCore::may_be_dropped(SpaceId space) const {
  for (const auto& [transaction, prepared] : prepared_) {
    CommandView view(prepared.record.command);
    auto command = view.root();
    if (command.getSpace() == space.value && command.getPrepare().getSpace().isDrop()) return true;
  }
  return false;
}

SpaceId PartitionCore::apply_space_change(SpaceId id, schema::SpaceChange::Reader change, std::int64_t now_ns) {
  SpaceTable& spaces = graph_.spaces();
  if (change.isCreate()) {
    auto create = change.getCreate();
    auto name = text_of(create.getName());
    SpaceId made = new_space_id(name, change.getCreatedBySession(), change.getCreatedBySequence());
    spaces.create(made, name, static_cast<Placement>(create.getPlacement()), read_quota(create.getQuota()), now_ns);
    return made;
  }
  Space* space = spaces.find(id);
  if (space == nullptr) return id;
  if (change.isDrop()) spaces.drop(*space);
  if (change.isSetQuota()) space->quota = read_quota(change.getSetQuota());
  if (change.isDeclareIndex()) {
    auto index = change.getDeclareIndex();
    NameId label = index.getLabel().size() == 0 ? NameId{} : graph_.dictionary().intern(text_of(index.getLabel()));
    NameId property = graph_.dictionary().intern(text_of(index.getProperty()));
    bool ready = graph_.postings().count(space->route.id, label) == 0;
    space->indexes.push_back({spaces.next_index_number(), label, property, ready});
  }
  if (change.isDropIndex()) {
    auto index = change.getDropIndex();
    NameId label = index.getLabel().size() == 0 ? NameId{} : *graph_.dictionary().find(text_of(index.getLabel()));
    NameId property = *graph_.dictionary().find(text_of(index.getProperty()));
    spaces.drop_index(*space, space->find_index(label, property)->number);
  }
  spaces.mark_dirty(*space);
  return id;
}

void PartitionCore::take_over(const SpaceSeed& seed) {
  SpaceTable& spaces = graph_.spaces();
  Space* known = spaces.find(seed.id);  // `default` is
  Space& space = known != nullptr ? *known : spaces.create(seed.id, seed.name, Placement::spread, seed.quota, seed.created_ns);
  space.quota = seed.quota;
  for (const auto& [label, property] : seed.indexes) {
    NameId label_id = label.empty() ? NameId{} : graph_.dictionary().intern(label);
    NameId property_id = graph_.dictionary().intern(property);
    if (space.find_index(label_id, property_id) == nullptr)
      space.indexes.push_back({spaces.next_index_number(), label_id, property_id, true});
  }
  spaces.mark_dirty(space);
}

std::vector<LocalId> PartitionCore::purge_victims(schema::Command::Reader command) {
  std::vector<LocalId> victims;
  if (graph_.spaces().dropped().empty()) return victims;
  std::size_t limit = command.getPurge().getVertices();
  graph_.postings().for_each_from(*graph_.spaces().dropped().begin(), Postings::all, LocalId{0}, [&](LocalId id) {
    victims.push_back(id);
    return victims.size() < limit;
  });
  return victims;
}

void PartitionCore::run_purge(schema::Command::Reader command) {
  SpaceTable& spaces = graph_.spaces();
  if (spaces.dropped().empty()) return;
  Space* space = spaces.find_even_dropped(*spaces.dropped().begin());
  for (LocalId id : purge_victims(command))
    if (graph_.vertex_with(id, Side::out) != nullptr && graph_.vertex_with(id, Side::in) != nullptr)
      graph_.remove_vertex(id, *space);
  if (graph_.postings().count(space->route.id, Postings::all) > 0) return;
  std::vector<DeclaredIndex> indexes = space->indexes;
  for (const DeclaredIndex& index : indexes) spaces.drop_index(*space, index.number);
  graph_.postings().drop_space(space->route.id);
  spaces.forget(space->route.id);
}

}  // namespace engram
