#pragma once
// All that the clients of one load asked and were told.

#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tests/history/bank.h"
#include "tests/history/edges.h"
#include "tests/history/list_append.h"
#include "tests/history/sets.h"

namespace engram::test {

struct Histories {
  std::vector<history::ListTransaction> lists;
  history::BankHistory bank;
  std::vector<history::Insert> inserts;
  std::vector<history::Claim> claims;
  history::EdgeHistory edges;

  // What is there at the end.
  std::vector<std::string> members;
  std::map<std::string, std::int64_t> owners;

  void add(Histories more) {
    auto append = [](auto& all, auto& part) {
      all.insert(all.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
    };
    append(lists, more.lists);
    append(bank.transfers, more.bank.transfers);
    append(bank.reads, more.bank.reads);
    append(inserts, more.inserts);
    append(claims, more.claims);
    append(edges.changes, more.edges.changes);
    append(edges.reads, more.edges.reads);
  }
};

struct Counts {
  std::size_t ok = 0, failed = 0, unknown = 0, reads = 0;
};
Counts count_operations(const Histories& histories);

/// By all checkers.
history::Anomalies check_all(const Histories& histories);

}  // namespace engram::test
