#include "tests/chaos/histories.h"

namespace engram::test {
namespace {

void count_one(const history::Operation& operation, Counts& counts) {
  if (operation.ending == history::Ending::ok) ++counts.ok;
  if (operation.ending == history::Ending::failed) ++counts.failed;
  if (operation.ending == history::Ending::unknown) ++counts.unknown;
}

}  // namespace

Counts count_operations(const Histories& histories) {
  Counts counts;
  for (const auto& one : histories.lists) {
    if (one.lists.size() == 1 && one.lists[0].appended.empty())
      ++counts.reads;
    else
      count_one(one, counts);
  }
  counts.reads += histories.bank.reads.size() + histories.edges.reads.size();
  for (const auto& one : histories.bank.transfers) count_one(one, counts);
  for (const auto& one : histories.inserts) count_one(one, counts);
  for (const auto& one : histories.claims) count_one(one, counts);
  for (const auto& one : histories.edges.changes) count_one(one, counts);
  return counts;
}

history::Anomalies check_all(const Histories& histories) {
  history::Anomalies all;
  auto add = [&](const char* what, const history::Anomalies& found) {
    for (const history::Anomaly& one : found) all.push_back({std::string(what) + ": " + one.kind, one.text});
  };
  add("lists", history::check_list_append(histories.lists));
  add("bank", history::check_bank(histories.bank));
  add("set", history::check_set(histories.inserts, histories.members));
  add("claims", history::check_claims(histories.claims, histories.owners));
  add("edges", history::check_edges(histories.edges));
  return all;
}

}  // namespace engram::test
