#include "actors/query/recall_paths.h"

#include <algorithm>

#include <absl/container/flat_hash_set.h>

namespace engram {

using Slot = Activation::Slot;

std::vector<Slot> vertices_on_paths(const Activation& activation, const std::vector<Slot>& hits) {
  std::vector<Slot> found;
  std::vector<std::uint32_t> open;
  absl::flat_hash_set<Slot> vertices;
  absl::flat_hash_set<std::uint32_t> receipts;
  auto add_vertex = [&](Slot slot) {
    if (vertices.insert(slot).second) found.push_back(slot);
  };
  auto add_receipt = [&](std::uint32_t receipt) {
    if (receipt != Activation::none && receipts.insert(receipt).second) open.push_back(receipt);
  };
  for (Slot hit : hits) {
    add_vertex(hit);
    add_receipt(activation.best_receipt(hit));
  }
  while (!open.empty()) {
    const Activation::Receipt& receipt = activation.receipt(open.back());
    open.pop_back();
    for (Slot source : activation.sources(receipt)) {
      add_vertex(source);
      add_receipt(activation.receipt_in(source, receipt.round - 1));
    }
  }
  return found;
}

std::vector<Slot> path_to(const Activation& activation, Slot hit, const KeysOfSlots& keys) {
  std::vector<Slot> path{hit};
  for (std::uint32_t at = activation.best_receipt(hit); at != Activation::none;) {
    const Activation::Receipt& receipt = activation.receipt(at);
    std::vector<Slot> sources = activation.sources(receipt);
    Slot source = *std::min_element(sources.begin(), sources.end(),
                                    [&](Slot left, Slot right) { return keys.at(left) < keys.at(right); });
    path.push_back(source);
    at = activation.receipt_in(source, receipt.round - 1);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace engram
