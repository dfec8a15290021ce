// The connections between simulated nodes: what is lost with one, and what is asked again on the next.

#include <algorithm>

#include "tests/support/simulated_cluster.h"

namespace engram::test {

bool SimulatedCluster::is_on(const Channel& channel, std::uint32_t node, bool sender) const {
  unsigned end = sender ? channel.first : channel.second;
  if (sender && end >= from_question && end < first_client) end -= from_question;
  return end < options_.partitions && node_of({static_cast<std::uint16_t>(end)}) == node;
}

/// Of what is on its way, a random first part still arrives, but for questions, which are asked again.
void SimulatedCluster::break_channels(const std::function<bool(const Channel&)>& broken) {
  for (auto& [channel, sent] : mail_) {
    if (!broken(channel)) continue;
    bool questions = channel.first >= from_question && channel.first < first_client;
    sent.resize(questions ? 0 : random_() % (sent.size() + 1));
  }
  std::erase_if(mail_, [](const auto& channel) { return channel.second.empty(); });
}

void SimulatedCluster::ask_again(const std::function<bool(const Question&)>& broken) {
  for (auto& [number, question] : questions_)
    if (broken(question) && is_up(node_of(question.to))) ask_over(number);
}

void SimulatedCluster::drop_answers(std::uint32_t to, std::uint32_t from) {
  std::erase_if(answers_, [&](const LinkAnswer& answer) {
    auto asked = questions_.find(answer.question);
    return asked == questions_.end() || (node_of(asked->second.from) == to && node_of(asked->second.to) == from);
  });
}

void SimulatedCluster::cut(std::uint32_t one, std::uint32_t other) {
  break_channels([&](const Channel& channel) {
    return (is_on(channel, one, true) && is_on(channel, other, false)) ||
           (is_on(channel, other, true) && is_on(channel, one, false));
  });
  drop_answers(one, other);
  drop_answers(other, one);
  ask_again([&](const Question& question) {
    std::uint32_t from = node_of(question.from), to = node_of(question.to);
    return (from == one && to == other) || (from == other && to == one);
  });
  reconnect(one, other);
}

/// The partitions of either node hear of the new connection, as from Peers::up.
void SimulatedCluster::reconnect(std::uint32_t one, std::uint32_t other) {
  if (!is_up(one) || !is_up(other)) return;
  std::map<std::uint32_t, std::set<PartitionId>> owned;
  for (std::uint16_t i = 0; i < options_.partitions; ++i) owned[node_of({i})].insert({i});
  for (auto [here, there] : {std::pair(one, other), std::pair(other, one)}) {
    auto theirs = std::make_shared<const std::set<PartitionId>>(owned[there]);
    for (PartitionId id : owned[here]) deliver(from_outside, id, ReconnectedMail{theirs});
  }
}

}  // namespace engram::test
