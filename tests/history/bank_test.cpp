// Hand-written histories of a bank: a good one passes, and every kind of anomaly is found in one that has it.

#include <catch2/catch.hpp>

#include "tests/history/bank.h"

using namespace engram::history;

namespace {

/// a, b and c begin with 100 each. One call after the other, unless a test says otherwise.
struct Bank {
  BankHistory history{{{"a", 100}, {"b", 100}, {"c", 100}}, {}, {}, {}};

  Transfer& transfer(TransferNumber number, std::int64_t amount, AccountState from, AccountState to,
                     Ending ending = Ending::ok) {
    Transfer one;
    stamp(one, ending);
    one.number = number;
    one.amount = amount;
    one.before = {std::move(from), std::move(to)};
    history.transfers.push_back(one);
    return history.transfers.back();
  }
  BalanceRead& read(AccountState state) { return add(history.reads, std::move(state)); }
  void end(std::vector<AccountState> states) {
    for (AccountState& state : states) add(history.final_reads, std::move(state));
  }
  void require(const std::string& kind) const {
    Anomalies found = check_bank(history);
    std::string all;
    for (const Anomaly& one : found) all += one.kind + ": " + one.text + "\n";
    INFO(all);
    CHECK(count(found, kind) > 0);
  }

 private:
  void stamp(Operation& operation, Ending ending) {
    now_ += 10;
    operation.began_ns = now_;
    operation.ended_ns = now_ + 5;
    operation.ending = ending;
  }
  BalanceRead& add(std::vector<BalanceRead>& reads, AccountState state) {
    BalanceRead one;
    stamp(one, Ending::ok);
    one.state = std::move(state);
    reads.push_back(one);
    return reads.back();
  }
  std::int64_t now_ = 0;
};

/// Two transfers: a gives 10 to b, b gives 5 to c.
Bank two_transfers() {
  Bank bank;
  bank.transfer(1, 10, {"a", 1, 100, 0}, {"b", 2, 100, 0});
  bank.transfer(2, 5, {"b", 7, 110, 1}, {"c", 3, 100, 0});
  return bank;
}

}  // namespace

TEST_CASE("a bank that keeps its books passes, and what is unknown is there or not") {
  Bank bank = two_transfers();
  bank.transfer(3, 50, {"a", 6, 90, 1}, {"c", 8, 105, 2}, Ending::failed);
  bank.transfer(4, 50, {"a", 6, 90, 1}, {"c", 8, 105, 2}, Ending::unknown);  // never
  bank.transfer(5, 20, {"a", 6, 90, 1}, {"c", 8, 105, 2}, Ending::unknown);  // happens between the reads
  bank.read({"c", 8, 105, 2});
  bank.read({"c", 12, 125, 5});
  bank.read({"a", 11, 70, 5});
  bank.end({{"a", 11, 70, 5}, {"b", 9, 105, 2}, {"c", 12, 125, 5}});
  CHECK(check_bank(bank.history).empty());
}

TEST_CASE("an acknowledged transfer is lost, at both accounts or at one") {
  Bank lost = two_transfers();
  lost.end({{"a", 6, 90, 1}, {"b", 7, 110, 1}, {"c", 3, 100, 0}});
  lost.require("lost");

  Bank half = two_transfers();
  half.end({{"a", 6, 90, 1}, {"b", 9, 105, 2}, {"c", 3, 100, 0}});
  half.require("half");
  half.require("balance");
}

TEST_CASE("half of a transfer is seen, then the other account without it") {
  Bank bank = two_transfers();
  bank.transfer(3, 1, {"a", 6, 90, 1}, {"c", 8, 105, 2}, Ending::unknown);
  bank.read({"a", 10, 89, 3});
  bank.read({"c", 8, 105, 2});
  bank.end({{"a", 10, 89, 3}, {"b", 9, 105, 2}, {"c", 11, 106, 3}});
  bank.require("half");
  // At one time it is no snapshot, and nothing is wrong.
  bank.history.reads[1].began_ns = bank.history.reads[0].began_ns;
  CHECK(check_bank(bank.history).empty());
}

TEST_CASE("a read behind an acknowledged transfer does not have it") {
  Bank bank = two_transfers();
  bank.read({"c", 3, 100, 0});
  bank.end({{"a", 6, 90, 1}, {"b", 9, 105, 2}, {"c", 8, 105, 2}});
  bank.require("half");
}

TEST_CASE("a failed transfer is read, or there at the end") {
  Bank read = two_transfers();
  read.transfer(3, 50, {"a", 6, 90, 1}, {"c", 8, 105, 2}, Ending::failed);
  read.read({"a", 9, 40, 3});
  read.end({{"a", 6, 90, 1}, {"b", 9, 105, 2}, {"c", 8, 105, 2}});
  read.require("aborted");

  Bank there = two_transfers();
  there.transfer(3, 50, {"a", 6, 90, 1}, {"c", 8, 105, 2}, Ending::failed);
  there.end({{"a", 9, 40, 3}, {"b", 9, 105, 2}, {"c", 12, 155, 3}});
  there.require("aborted");
}

TEST_CASE("a read of what was overwritten by who had not seen it") {
  Bank bank = two_transfers();
  bank.transfer(3, 1, {"a", 6, 90, 1}, {"c", 8, 105, 2});
  bank.transfer(4, 2, {"a", 6, 90, 1}, {"c", 8, 105, 2});
  bank.read({"a", 9, 89, 3});
  bank.end({{"a", 10, 88, 4}, {"b", 9, 105, 2}, {"c", 12, 107, 4}});
  bank.require("fork");
  bank.require("lost");
}

TEST_CASE("balances that the transfers do not explain, and a sum that does not stay") {
  Bank bank = two_transfers();
  bank.end({{"a", 6, 91, 1}, {"b", 9, 105, 2}, {"c", 8, 105, 2}});
  bank.require("balance");
}

TEST_CASE("versions that do not grow with the transfers, or differ at one place") {
  Bank back = two_transfers();
  back.end({{"a", 1, 90, 1}, {"b", 9, 105, 2}, {"c", 8, 105, 2}});
  back.require("version");

  Bank differ = two_transfers();
  differ.read({"a", 6, 90, 1});
  differ.end({{"a", 7, 90, 1}, {"b", 9, 105, 2}, {"c", 8, 105, 2}});
  differ.require("version");
}

TEST_CASE("a transfer from nowhere, and histories that are wrong") {
  Bank nowhere = two_transfers();
  nowhere.end({{"a", 6, 90, 9}, {"b", 9, 105, 2}, {"c", 8, 105, 2}});
  nowhere.require("from nowhere");

  Bank unread = two_transfers();
  unread.end({{"a", 6, 90, 1}, {"b", 9, 105, 2}});
  unread.require("history");

  Bank twice = two_transfers();
  twice.transfer(1, 3, {"a", 6, 90, 1}, {"c", 8, 105, 2});
  twice.end({{"a", 6, 90, 1}, {"b", 9, 105, 2}, {"c", 8, 105, 2}});
  twice.require("history");
}
