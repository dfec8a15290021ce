#pragma once
// A bank over all partitions: transfers between two accounts, each one batch over two vertices.
//
// How the engine is asked: an account is a vertex with a balance and the number of the transfer that changed it last. A transfer
// reads both, and sends a batch that requires their versions and puts both. So each account names its transfers in their order,
// one behind the other, and every read says behind which of them it was made.
//
// What is promised, and checked here: a transfer is there at both accounts or at none; also between two reads of single vertices
// of which the second began when the first had ended. Two reads at one time may see half of one: they are not a snapshot. An
// acknowledged transfer is there, a failed one is not, and the sum stays.
//
// Kinds of anomalies:
//   "from nowhere"  an account names a transfer that nobody made, or not with this account
//   "aborted"       a failed transfer was read              "lost"   an acknowledged one is not there at the end
//   "fork"          a read that is not on the account's way to its end: what it saw was overwritten by who had not seen it
//   "half"          a transfer is there at one account, and a later read of the other does not have it
//   "balance"       a balance is not what the transfers make it, or the sum at the end is not the one at the beginning
//   "version"       versions of an account that do not grow with its transfers
//   "history"       an account was not read at the end, or is unknown, or two transfers have one number

#include <array>
#include <map>

#include "tests/history/operation.h"

namespace engram::history {

using TransferNumber = std::int64_t;  // 0: the beginning

struct AccountState {
  std::string account;
  std::uint64_t version = 0;
  std::int64_t balance = 0;
  TransferNumber last = 0;
};

struct Transfer : Operation {
  TransferNumber number = 0;
  std::int64_t amount = 0;
  std::array<AccountState, 2> before;  // as it was read and required: who gives, who gets
};

struct BalanceRead : Operation {
  AccountState state;
};

struct BankHistory {
  std::map<std::string, std::int64_t> first_balances;
  std::vector<Transfer> transfers;
  std::vector<BalanceRead> reads;         // those with an answer
  std::vector<BalanceRead> final_reads;   // one of each account, when nothing is under way any more
};

Anomalies check_bank(const BankHistory& history);

}  // namespace engram::history
