#include "actors/partition/core/lock_table.h"

#include <algorithm>

#include "storage/base/checksum.h"
#include "storage/base/pack.h"
#include "storage/base/planted_bug.h"

namespace engram {
namespace {

bool compatible(LockMode held, LockMode wanted) {
  if (held == LockMode::exclusive || wanted == LockMode::exclusive) return false;
  return held == LockMode::existence || wanted == LockMode::existence;
}

void add_once(std::vector<TransactionKey>& out, const TransactionKey& key) {
  if (std::find(out.begin(), out.end(), key) == out.end()) out.push_back(key);
}

}  // namespace

void LockTable::acquire(const TransactionKey& owner, const std::vector<LockRequest>& requests) {
  for (const LockRequest& request : requests) {
    auto& holders = entries_[request.name];
    // One entry for each owner, with its strongest mode: a batch may name a vertex ten thousand times.
    auto own = std::find_if(holders.begin(), holders.end(), [&](const Holder& holder) { return holder.owner == owner; });
    if (own == holders.end()) own = holders.insert(holders.end(), {owner, LockMode::existence});
    exclusive_ += request.mode == LockMode::exclusive && own->mode != LockMode::exclusive ? 1 : 0;
    own->mode = std::max(own->mode, request.mode);
  }
}

void LockTable::release(const TransactionKey& owner, const std::vector<LockRequest>& requests) {
  for (const LockRequest& request : requests) {
    auto found = entries_.find(request.name);
    if (found == entries_.end()) continue;
    auto& holders = found->second;
    auto own = std::find_if(holders.begin(), holders.end(), [&](const Holder& one) { return one.owner == owner; });
    if (own == holders.end()) continue;
    exclusive_ -= own->mode == LockMode::exclusive ? 1 : 0;
    holders.erase(own);
    if (holders.empty()) entries_.erase(found);
  }
}

std::vector<TransactionKey> LockTable::conflicts(const TransactionKey& self,
                                                 const std::vector<LockRequest>& requests) const {
  std::vector<TransactionKey> result;
  if (entries_.empty() || planted_bug("let transactions pass locks")) return result;
  for (const LockRequest& request : requests) {
    if (request.mode == LockMode::existence && exclusive_ == 0) continue;  // goes together with all that is held
    auto found = entries_.find(request.name);
    if (found == entries_.end()) continue;
    for (const Holder& holder : found->second)
      if (holder.owner != self && !compatible(holder.mode, request.mode)) add_once(result, holder.owner);
  }
  return result;
}

void LockTable::readers_wait_for(std::uint64_t vertex_name, bool edges, std::vector<TransactionKey>& out) const {
  auto found = entries_.find(vertex_name);
  if (found == entries_.end() || planted_bug("let reads pass locks")) return;
  for (const Holder& holder : found->second)
    if (edges || holder.mode != LockMode::existence) add_once(out, holder.owner);
}

std::uint64_t vertex_lock(SpaceId space, std::string_view key) {
  return checksum64(as_bytes(key), space.value ^ 0x76657274);
}

std::uint64_t edge_lock(SpaceId space, std::string_view source, std::string_view type, std::string_view target,
                        std::int64_t rank) {
  auto mix = [](std::uint64_t seed, std::string_view text) { return checksum64(as_bytes(text), seed); };
  std::uint64_t hash = mix(mix(mix(space.value ^ 0x65646765, source), type), target);
  return hash ^ static_cast<std::uint64_t>(rank) * 0x9E3779B97F4A7C15ULL;
}

std::uint64_t edge_lock(SpaceId space, schema::EdgeKey::Reader edge) {
  auto view = [](capnp::Text::Reader text) { return std::string_view(text.begin(), text.size()); };
  return edge_lock(space, view(edge.getSource()), view(edge.getType()), view(edge.getTarget()), edge.getRank());
}

std::uint64_t reserved_lock(VertexId id) { return id.value * 0x9E3779B97F4A7C15ULL ^ 0x72657376; }

std::uint64_t space_lock(SpaceId space) { return space.value ^ 0x5370616365ULL; }

}  // namespace engram
