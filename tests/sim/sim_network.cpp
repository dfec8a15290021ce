#include "tests/sim/sim_network.h"

#include <algorithm>

namespace engram::test {

void SimNetwork::transmit(unsigned from, unsigned to, std::uint64_t connection, PacketBytes bytes) {
  Link& link = links_[pair_of(from, to)];
  if (link.connection != connection || !alive_[to]) return;
  trace_.note("packet", {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
  coming(to, from).push_back({SimArrival::What::packet, connection, std::move(bytes)});
}

void SimNetwork::close(unsigned node, unsigned peer, std::uint64_t connection) {
  if (links_[pair_of(node, peer)].connection == connection) cut(pair_of(node, peer));
}

std::vector<std::pair<unsigned, unsigned>> SimNetwork::ready() const {
  std::vector<std::pair<unsigned, unsigned>> all;
  for (const auto& [ends, arrivals] : coming_)
    if (!arrivals.empty() && alive_[ends.first]) all.push_back(ends);
  return all;
}

SimArrival SimNetwork::take(unsigned to, unsigned from) {
  SimArrival next = std::move(coming(to, from).front());
  coming(to, from).pop_front();
  return next;
}

bool SimNetwork::connect_some() {
  std::vector<Pair> without;
  for (unsigned other = 0; other < alive_.size(); ++other)
    for (unsigned one = 0; one < other; ++one)
      if (alive_[one] && alive_[other] && links_[{one, other}].connection == 0) without.emplace_back(one, other);
  if (without.empty()) return false;
  auto [one, other] = without[random_() % without.size()];
  links_[{one, other}].connection = ++last_connection_;
  trace_.note("connect", one, other);
  coming(one, other).push_back({SimArrival::What::up, last_connection_, {}});
  coming(other, one).push_back({SimArrival::What::up, last_connection_, {}});
  return true;
}

void SimNetwork::cut(Pair pair) {
  Link& link = links_[pair];
  if (link.connection == 0) return;
  trace_.note("cut", pair.first, pair.second);
  for (auto [to, from] : {pair, Pair{pair.second, pair.first}}) {
    std::deque<SimArrival>& arrivals = coming(to, from);
    std::size_t arrive = random_() % (arrivals.size() + 1);
    while (arrivals.size() > arrive && arrivals.back().what == SimArrival::What::packet) arrivals.pop_back();
    arrivals.push_back({SimArrival::What::down, link.connection, {}});
  }
  link.connection = 0;
}

void SimNetwork::cut_some() {
  std::vector<Pair> up;
  for (const auto& [pair, link] : links_)
    if (link.connection != 0) up.push_back(pair);
  if (!up.empty() && !healed_) cut(up[random_() % up.size()]);
}

void SimNetwork::node_down(unsigned node) {
  for (auto& [pair, link] : links_)
    if (pair.first == node || pair.second == node) cut(pair);
  alive_[node] = false;
  for (auto& [ends, arrivals] : coming_)
    if (ends.first == node) arrivals.clear();
}

void SimNetwork::break_some_stream() {
  if (healed_) return;
  std::vector<std::deque<SimArrival>*> streams;
  for (auto& [ends, arrivals] : coming_)
    if (!arrivals.empty() && arrivals.back().what == SimArrival::What::packet) streams.push_back(&arrivals);
  if (streams.empty()) return;
  std::deque<SimArrival>& stream = *streams[random_() % streams.size()];
  auto what = random_() % 3;
  trace_.note("broken stream", what);
  if (what == 0) {
    stream.pop_back();
  } else if (what == 1) {
    SimArrival again = stream.back();
    stream.push_back(std::move(again));
  } else if (stream.size() > 1 && stream[stream.size() - 2].what == SimArrival::What::packet) {
    std::swap(stream[stream.size() - 2], stream.back());
  }
}

}  // namespace engram::test
