#include "actors/partition/core/key_prefetch.h"

#include <algorithm>
#include <array>

#include "actors/partition/core/batch_applier.h"

namespace engram {

void prefetch_keys(Graph& graph, SpaceId space, capnp::List<schema::Operation>::Reader operations, std::uint32_t at) {
  constexpr std::uint32_t ahead = 8;
  if (at % ahead != 0 || operations.size() == 1) return;
  std::array<HotTier::KeyHint, 2 * ahead> hints;
  std::size_t count = 0;
  auto hint = [&](capnp::Text::Reader key) { hints[count++] = {text_of(key), std::nullopt}; };
  for (std::uint32_t i = at; i < std::min(at + ahead, operations.size()); ++i) {
    auto operation = operations[i];
    if (operation.isPutVertex()) hint(operation.getPutVertex().getKey());
    if (operation.isDeleteVertex()) hint(operation.getDeleteVertex().getKey());
    if (operation.isPutEdge() && operation.getPutEdge().getCreateMissing()) {
      hint(operation.getPutEdge().getEdge().getSource());
      hint(operation.getPutEdge().getEdge().getTarget());
    }
  }
  graph.hot().prefetch_keys(space, {hints.data(), count});
}

}  // namespace engram
