#include "tests/history/bank.h"

#include <algorithm>
#include <optional>

namespace engram::history {
namespace {

constexpr auto never = std::numeric_limits<std::int64_t>::max();

/// The transfers of one account in their order, and when reads saw them.
struct Chain {
  std::vector<TransferNumber> order;  // from 0 on
  std::map<TransferNumber, std::size_t> places;
  std::vector<std::int64_t> balances;
  std::vector<const BalanceRead*> reads;
  std::vector<std::int64_t> first_seen;    // by place: the first end of a read there or further on
  std::vector<std::int64_t> last_unseen;   // by place: the last begin of a read before it
};

class Checker {
 public:
  explicit Checker(const BankHistory& history) : history_(history) {}

  Anomalies run() {
    for (const Transfer& transfer : history_.transfers) {
      if (!transfers_.emplace(transfer.number, &transfer).second || transfer.number == 0)
        complain("history", name(transfer) + " is made twice");
      for (const AccountState& state : transfer.before)
        if (!history_.first_balances.contains(state.account)) complain("history", name(transfer) + ": no such account");
    }
    for (const auto& [account, balance] : history_.first_balances) walk_back(account, balance);
    if (!anomalies_.empty()) return std::move(anomalies_);
    check_sum();
    for (const BalanceRead& read : history_.final_reads) check_read(read);
    for (const BalanceRead& read : history_.reads) check_read(read);
    for (auto& [account, chain] : chains_) {
      check_versions(account, chain);
      note_times(chain);
    }
    for (const Transfer& transfer : history_.transfers) check_transfer(transfer);
    return std::move(anomalies_);
  }

 private:
  void complain(const char* kind, std::string text) { anomalies_.push_back({kind, std::move(text)}); }
  static std::string text_of(const AccountState& state) {
    return state.account + " at version " + std::to_string(state.version) + " with " + std::to_string(state.balance) +
           " behind transfer " + std::to_string(state.last);
  }
  static std::string name(const Transfer& transfer) {
    return "transfer " + std::to_string(transfer.number) + " of " + std::to_string(transfer.amount) + " from " +
           transfer.before[0].account + " to " + transfer.before[1].account + " (" + describe(transfer) + ")";
  }
  static const AccountState* side_of(const Transfer& transfer, const std::string& account) {
    for (const AccountState& state : transfer.before)
      if (state.account == account) return &state;
    return nullptr;
  }

  /// From what is there at the end, each transfer naming the one before, to the beginning.
  void walk_back(const std::string& account, std::int64_t first_balance) {
    auto end = std::find_if(history_.final_reads.begin(), history_.final_reads.end(),
                            [&](const BalanceRead& read) { return read.state.account == account; });
    if (end == history_.final_reads.end()) return complain("history", "no final read of " + account);
    Chain& chain = chains_[account];
    TransferNumber at = end->state.last;
    for (; at != 0; at = side_of(*transfers_.at(at), account)->last) {
      auto transfer = transfers_.find(at);
      if (transfer == transfers_.end() || side_of(*transfer->second, account) == nullptr)
        return complain("from nowhere", account + " had the transfer " + std::to_string(at));
      if (chain.order.size() > transfers_.size()) return complain("fork", account + " goes round in a circle");
      chain.order.push_back(at);
    }
    chain.order.push_back(0);
    std::reverse(chain.order.begin(), chain.order.end());
    std::int64_t balance = first_balance;
    for (std::size_t i = 0; i < chain.order.size(); ++i) {
      chain.places[chain.order[i]] = i;
      if (i > 0) {
        const Transfer& transfer = *transfers_.at(chain.order[i]);
        balance += transfer.before[0].account == account ? -transfer.amount : transfer.amount;
      }
      chain.balances.push_back(balance);
    }
  }

  void check_sum() {
    std::int64_t first = 0, last = 0;
    for (const auto& [account, balance] : history_.first_balances) first += balance;
    for (const BalanceRead& read : history_.final_reads) last += read.state.balance;
    if (first != last)
      complain("balance", "the bank had " + std::to_string(first) + " and has " + std::to_string(last));
  }

  void check_read(const BalanceRead& read) {
    auto chain = chains_.find(read.state.account);
    if (chain == chains_.end()) return complain("from nowhere", text_of(read.state));
    auto place = chain->second.places.find(read.state.last);
    if (place == chain->second.places.end()) {
      auto transfer = transfers_.find(read.state.last);
      bool known = transfer != transfers_.end() && side_of(*transfer->second, read.state.account) != nullptr;
      const char* kind = !known ? "from nowhere" : transfer->second->ending == Ending::failed ? "aborted" : "fork";
      return complain(kind, text_of(read.state) + " was read (" + describe(read) + ") and is not on the way to its end");
    }
    if (chain->second.balances[place->second] != read.state.balance)
      complain("balance", text_of(read.state) + " should have " +
                              std::to_string(chain->second.balances[place->second]));
    chain->second.reads.push_back(&read);
  }

  /// What was read, and what committed transfers required.
  void check_versions(const std::string& account, const Chain& chain) {
    std::map<std::size_t, std::uint64_t> by_place;
    auto note = [&](const AccountState& state) {
      auto place = chain.places.find(state.last);
      if (place == chain.places.end()) return;
      auto [known, fresh] = by_place.emplace(place->second, state.version);
      if (!fresh && known->second != state.version)
        complain("version", text_of(state) + " was at version " + std::to_string(known->second));
    };
    for (const BalanceRead* read : chain.reads) note(read->state);
    for (std::size_t i = 1; i < chain.order.size(); ++i) note(*side_of(*transfers_.at(chain.order[i]), account));
    std::optional<std::uint64_t> before;
    for (const auto& [place, version] : by_place) {
      if (before && *before >= version)
        complain("version", account + " had version " + std::to_string(*before) + " and then " + std::to_string(version));
      before = version;
    }
  }

  static void note_times(Chain& chain) {
    std::size_t places = chain.order.size();
    chain.first_seen.assign(places, never);
    chain.last_unseen.assign(places + 1, std::numeric_limits<std::int64_t>::min());
    for (const BalanceRead* read : chain.reads) {
      std::size_t place = chain.places.at(read->state.last);
      chain.first_seen[place] = std::min(chain.first_seen[place], read->ended_ns);
      chain.last_unseen[place + 1] = std::max(chain.last_unseen[place + 1], read->began_ns);
    }
    for (std::size_t i = places - 1; i-- > 0;) chain.first_seen[i] = std::min(chain.first_seen[i], chain.first_seen[i + 1]);
    for (std::size_t i = 1; i <= places; ++i)
      chain.last_unseen[i] = std::max(chain.last_unseen[i], chain.last_unseen[i - 1]);
  }

  void check_transfer(const Transfer& transfer) {
    const Chain* chains[2] = {};
    std::size_t places[2] = {};
    int there = 0;
    for (std::size_t side : {0u, 1u}) {
      const Chain& chain = chains_.at(transfer.before[side].account);
      auto place = chain.places.find(transfer.number);
      if (place == chain.places.end()) continue;
      chains[side] = &chain;
      places[side] = place->second;
      ++there;
    }
    if (there > 0 && transfer.ending == Ending::failed) complain("aborted", name(transfer) + " is there");
    if (there == 0 && transfer.ending == Ending::ok) complain("lost", name(transfer));
    if (there == 1) complain("half", name(transfer) + " is there at the end at one account only");
    if (there != 2) return;
    std::int64_t seen = transfer.done_ns();
    for (std::size_t side : {0u, 1u}) seen = std::min(seen, chains[side]->first_seen[places[side]]);
    for (std::size_t side : {0u, 1u})
      if (chains[side]->last_unseen[places[side]] > seen)
        complain("half", name(transfer) + " was seen or acknowledged at " + std::to_string(seen / 1000) +
                             " us, and a later read of " + transfer.before[side].account + " did not have it");
  }

  const BankHistory& history_;
  std::map<TransferNumber, const Transfer*> transfers_;
  std::map<std::string, Chain> chains_;
  Anomalies anomalies_;
};

}  // namespace

Anomalies check_bank(const BankHistory& history) { return Checker(history).run(); }

}  // namespace engram::history
