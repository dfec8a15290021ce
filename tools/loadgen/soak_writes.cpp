#include "tools/loadgen/soak_writes.h"

#include <algorithm>
#include <span>
#include <utility>

namespace engram::loadgen {

namespace {

constexpr std::size_t writes_a_call = 500;
constexpr const char* edge_type = "SOAK";
constexpr const char* number_property = "number";

client::Batch make_batch(const std::string& key, std::size_t number, const std::string& target) {
  client::Batch batch(2);
  batch.put_vertex(key, {.properties = {{number_property, static_cast<std::int64_t>(number)}}});
  if (!target.empty()) batch.link(key, edge_type, target);
  return batch;
}

}  // namespace

void WriteCheck::merge(const WriteCheck& other) {
  acknowledged += other.acknowledged;
  lost += other.lost;
  repeated += other.repeated;
  not_refused += other.not_refused;
  unsettled += other.unsettled;
  if (first_problem.empty()) first_problem = other.first_problem;
}

Status SoakWrites::write(client::Client& client, const std::string& target) {
  std::size_t number = writes_.size();
  writes_.push_back({.target = target});
  auto batch = make_batch(key_of(number), number, target);
  auto outcome = client.submit(batch);
  note(number, outcome);
  if (outcome.fate == client::Fate::unknown) unanswered_.emplace(number, Unanswered{std::move(batch), outcome});
  if (outcome.committed() || !outcome.status.ok()) return outcome.status;
  return {Code::internal, "a change without an outcome"};
}

void SoakWrites::note(std::size_t number, const client::Outcome& outcome) {
  auto& write = writes_[number];
  write.fate = outcome.fate;
  write.version = outcome.version;
  write.accepted_ns = outcome.accepted_ns;
}

Result<WriteCheck> SoakWrites::check(client::Client& client, std::uint32_t timeout_ms) {
  checked_ = {};
  for (auto& [number, unanswered] : unanswered_) note(number, client.ask_again(unanswered.batch, unanswered.outcome, timeout_ms));
  for (std::size_t first = 0; first < writes_.size(); first += writes_a_call) {
    std::size_t end = std::min(first + writes_a_call, writes_.size());
    if (auto status = check_vertices(client, first, end, timeout_ms); !status.ok()) return status;
    if (auto status = check_edges(client, first, end, timeout_ms); !status.ok()) return status;
  }
  return checked_;
}

Status SoakWrites::check_vertices(client::Client& client, std::size_t first, std::size_t end, std::uint32_t timeout_ms) {
  std::vector<client::VertexRef> keys;
  for (std::size_t number = first; number < end; ++number) keys.emplace_back(key_of(number));
  auto vertices = client.get(keys, {}, timeout_ms);
  if (!vertices.ok()) return vertices.status();
  for (std::size_t number = first; number < end; ++number) {
    auto& write = writes_[number];
    auto& vertex = vertices->at(number - first);
    bool as_written = vertex.properties == std::vector{client::Property{number_property, static_cast<std::int64_t>(number)}};
    bool once = vertex.version == write.version && vertex.created_ns == vertex.changed_ns &&
                vertex.changed_ns == write.accepted_ns;
    if (write.fate == client::Fate::committed) ++checked_.acknowledged;
    if (write.fate == client::Fate::unknown) ++checked_.unsettled;
    judge(number, "the vertex", vertex.found, as_written, once);
  }
  return {};
}

Status SoakWrites::check_edges(client::Client& client, std::size_t first, std::size_t end, std::uint32_t timeout_ms) {
  std::vector<client::EdgeKey> keys;
  for (std::size_t number = first; number < end; ++number)
    if (!writes_[number].target.empty()) keys.push_back({key_of(number), edge_type, writes_[number].target});
  if (keys.empty()) return {};
  auto edges = client.get_edges(keys, {}, timeout_ms);
  if (!edges.ok()) return edges.status();
  std::map<std::string, const client::Edge*> by_source;
  for (auto& edge : *edges) by_source[edge.source_key] = &edge;
  for (std::size_t number = first; number < end; ++number) {
    auto& write = writes_[number];
    if (write.target.empty()) continue;
    auto at = by_source.find(key_of(number));
    bool found = at != by_source.end();
    bool once = found && at->second->created_ns == at->second->changed_ns && at->second->changed_ns == write.accepted_ns;
    judge(number, "the edge", found, true, once);
  }
  return {};
}

void SoakWrites::judge(std::size_t number, const char* what, bool found, bool as_written, bool once) {
  auto problem = [&](std::uint64_t& counter, const char* text) {
    ++counter;
    if (checked_.first_problem.empty()) checked_.first_problem = std::string(what) + " of " + key_of(number) + " " + text;
  };
  switch (writes_[number].fate) {
    case client::Fate::unknown: return;   // either is right
    case client::Fate::failed:
      if (found) problem(checked_.not_refused, "is there, and was refused");
      return;
    case client::Fate::committed:
      if (!found || !as_written) return problem(checked_.lost, "was acknowledged, and is not there as it was written");
      if (!once) problem(checked_.repeated, "was changed again behind its acknowledgement");
  }
}

}  // namespace engram::loadgen
