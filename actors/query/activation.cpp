#include "actors/query/activation.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace engram {

std::uint64_t to_fixed(double number) {
  return static_cast<std::uint64_t>(std::llrint(std::ldexp(number, 62)));
}

double from_fixed(std::uint64_t fixed) {
  return std::ldexp(static_cast<double>(fixed), -62);
}

std::uint64_t contribution(std::uint64_t passed, double weight, double divisor, double decay) {
  double share = weight / divisor;
  double amount = static_cast<double>(passed) * share * decay;
  constexpr auto one = static_cast<double>(activation_one);
  return amount >= one ? activation_one : static_cast<std::uint64_t>(std::llrint(amount));
}

double divisor_of(std::span<const double> weights, schema::Normalise normalise) {
  if (normalise == schema::Normalise::NONE) return 1.0;
  auto counts = [](double weight) { return weight >= 0; };
  if (normalise == schema::Normalise::FAN_OUT)
    return static_cast<double>(std::count_if(weights.begin(), weights.end(), counts));
  std::vector<double> counted;
  counted.reserve(weights.size());
  std::copy_if(weights.begin(), weights.end(), std::back_inserter(counted), counts);
  std::sort(counted.begin(), counted.end());
  double sum = 0;
  for (double weight : counted) sum += weight;
  return sum;
}

Activation::Slot Activation::slot(std::uint64_t id) {
  auto [found, added] = slots_.try_emplace(id, static_cast<Slot>(vertices_.size()));
  if (added) {
    vertices_.emplace_back();
    vertices_.back().id = id;
  }
  return found->second;
}

Activation::Slot Activation::add_seed(std::uint64_t id, std::uint64_t activation) {
  Slot seed = slot(id);
  Vertex& vertex = vertices_[seed];
  if (!vertex.seed) frontier_.push_back(seed);
  vertex.seed = true;
  vertex.seeded = vertex.activation = vertex.fresh = std::min(activation_one, vertex.seeded + activation);
  vertices_before_ = vertices_.size();
  return seed;
}

void Activation::pass_on(Slot source, std::span<const std::uint64_t> targets, std::span<const double> weights) {
  std::uint64_t passed = vertices_[source].fresh;
  if (passed == 0 || passed < threshold_) return;
  double divisor = divisor_of(weights, normalise_);
  if (divisor <= 0) return;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!(weights[i] > 0)) continue;
    // Beyond the limit the round is dropped: its sums need not be complete, and memory stays bounded.
    if (vertices_.size() > max_visited_ && vertices_.size() > vertices_before_) return;
    std::uint64_t amount = contribution(passed, weights[i], divisor, decay_);
    if (amount > 0) receive(slot(targets[i]), source, amount);
  }
}

void Activation::receive(Slot target, Slot source, std::uint64_t amount) {
  Vertex& vertex = vertices_[target];
  if (vertex.refused) return;
  if (vertex.receipt == none || vertex.receipt < round_begin_) {
    receipts_.push_back({target, round_, amount, amount, source, none, vertex.receipt});
    vertex.receipt = static_cast<std::uint32_t>(receipts_.size() - 1);
    return;
  }
  Receipt& receipt = receipts_[vertex.receipt];
  receipt.sum = std::min(activation_one, receipt.sum + amount);
  if (amount > receipt.best) {
    receipt.best = amount;
    receipt.source = source;
    receipt.more = none;
  } else if (amount == receipt.best && receipt.source != source &&
             (receipt.more == none || ties_[receipt.more].source != source)) {
    ties_.push_back({source, receipt.more});
    receipt.more = static_cast<std::uint32_t>(ties_.size() - 1);
  }
}

bool Activation::end_round() {
  if (vertices_.size() > max_visited_ && vertices_.size() > vertices_before_) {
    drop_round();
    return false;
  }
  for (Slot slot : frontier_) vertices_[slot].fresh = 0;
  frontier_.clear();
  for (std::size_t i = round_begin_; i < receipts_.size(); ++i) {
    Receipt& receipt = receipts_[i];
    Vertex& vertex = vertices_[receipt.vertex];
    std::uint64_t fresh = vertex.refused ? 0 : std::min(activation_one - vertex.activation, receipt.sum);
    vertex.fresh = fresh;
    vertex.activation += fresh;
    if (fresh == 0) receipt.best = 0;
    if (fresh > 0) frontier_.push_back(receipt.vertex);
  }
  round_begin_ = receipts_.size();
  vertices_before_ = vertices_.size();
  ++round_;
  return true;
}

void Activation::drop_round() {
  for (std::size_t i = receipts_.size(); i-- > round_begin_;)
    vertices_[receipts_[i].vertex].receipt = receipts_[i].previous;
  receipts_.resize(round_begin_);
  for (std::size_t i = vertices_before_; i < vertices_.size(); ++i) slots_.erase(vertices_[i].id);
  vertices_.resize(vertices_before_);
}

std::vector<std::uint64_t> Activation::frontier() const {
  std::vector<std::uint64_t> ids;
  for (Slot slot : frontier_) {
    const Vertex& vertex = vertices_[slot];
    if (vertex.fresh > 0 && vertex.fresh >= threshold_) ids.push_back(vertex.id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Activation::refuse(Slot slot) {
  Vertex& vertex = vertices_[slot];
  vertex.refused = vertex.checked = true;
  vertex.activation = vertex.seeded;
  vertex.fresh = 0;
}

std::vector<std::uint64_t> Activation::unchecked() const {
  std::vector<std::uint64_t> ids;
  for (const Vertex& vertex : vertices_)
    if (!vertex.checked && vertex.activation > vertex.seeded) ids.push_back(vertex.id);
  return ids;
}

std::uint32_t Activation::best_receipt(Slot slot) const {
  const Vertex& vertex = vertices_[slot];
  std::uint32_t best = none;
  std::uint64_t most = 0;
  // Newest first: an earlier one takes the place of an equal one.
  for (std::uint32_t at = vertex.refused ? none : vertex.receipt; at != none; at = receipts_[at].previous) {
    if (receipts_[at].best == 0 || receipts_[at].best < most) continue;
    most = receipts_[at].best;
    best = at;
  }
  return vertex.seeded > 0 && vertex.seeded >= most ? none : best;
}

std::uint32_t Activation::receipt_in(Slot vertex, std::uint32_t round) const {
  std::uint32_t at = vertices_[vertex].receipt;
  while (at != none && receipts_[at].round > round) at = receipts_[at].previous;
  return at != none && receipts_[at].round == round ? at : none;
}

std::vector<Activation::Slot> Activation::sources(const Receipt& receipt) const {
  std::vector<Slot> all{receipt.source};
  for (std::uint32_t at = receipt.more; at != none; at = ties_[at].next) all.push_back(ties_[at].source);
  return all;
}

}  // namespace engram
