#include "tools/loadgen/calls.h"

#include <algorithm>

#include "client/batch_impl.h"

namespace engram::loadgen {

namespace {

// What the messages of a call and its return carry beside their content.
constexpr std::uint32_t call_overhead_bytes = 168;
constexpr std::uint32_t return_overhead_bytes = 88;

Code code_of(schema::Error::Reader error) { return static_cast<Code>(error.getCode()); }

template <typename Message>
std::uint32_t bytes_of(Message&& message) {
  return static_cast<std::uint32_t>(message.totalSize().wordCount * sizeof(capnp::word));
}

/// Sends, and lets `judge(reply, answer)` look at what came. The reply is gone before the next call is made, so that its
/// "finish" rides along with that call.
template <typename Request, typename Judge>
kj::Promise<Answer> send_and_judge(Request&& request, std::uint32_t items, bool measure, Judge judge) {
  Answer answer{.items = items, .request_bytes = measure ? bytes_of(request) + call_overhead_bytes : 0};
  return request.send().then([answer, measure, judge](auto&& response) mutable {
    if (measure) answer.reply_bytes = bytes_of(response) + return_overhead_bytes;
    judge(response, answer);
    return answer;
  });
}

template <typename Request>
void set_plain_projection(Request&& request) {
  auto projection = request.initProjection();
  projection.setProperties(false);
  projection.setLabels(false);
}

}  // namespace

std::uint64_t Channel::first_incomplete() const {
  std::uint64_t first = next_sequence;
  for (auto sequence : open_sequences) {
    if (sequence != 0) first = std::min(first, sequence);
  }
  return first;
}

CallMaker::CallMaker(const BenchOptions& options, const PartitionedKeys& partitioned, std::uint64_t seed)
    : options_(options), partitioned_(partitioned), draw_(options.keys, options.zipf_exponent, seed) {
  double sum = 0;
  for (auto& share : options.mix) cumulative_.push_back(sum += share.weight);
}

CallKind CallMaker::draw() {
  if (cumulative_.size() == 1) return options_.mix.front().call;
  double at = draw_.dice().unit() * cumulative_.back();
  auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), at) - cumulative_.begin();
  return options_.mix[std::min<std::size_t>(found, cumulative_.size() - 1)].call;
}

kj::Promise<Answer> CallMaker::send(Channel& channel, std::size_t lane, CallKind kind) {
  switch (kind) {
    case CallKind::ping: return ping(channel);
    case CallKind::get: return get(channel);
    case CallKind::neighbors: return neighbors(channel);
    case CallKind::expand2: return expand(channel, 2);
    case CallKind::expand3: return expand(channel, 3);
    case CallKind::recall: return recall(channel);
    case CallKind::put: return submit(channel, lane, puts());
    case CallKind::link: return submit(channel, lane, links());
  }
  KJ_UNREACHABLE;
}

std::uint64_t CallMaker::next_index() {
  auto& chosen = partitioned_.chosen;
  return chosen.empty() ? draw_.next() : chosen[draw_.dice().below(chosen.size())];
}

void CallMaker::set_key(schema::VertexRef::Builder vertex) {
  char buffer[24];
  auto key = options_.keys.key(next_index(), buffer);
  std::copy(key.begin(), key.end(), vertex.initKey(static_cast<kj::uint>(key.size())).begin());
}

std::string_view CallMaker::key_in(const std::vector<std::uint64_t>& indexes, char (&buffer)[24]) {
  return options_.keys.key(indexes[draw_.dice().below(indexes.size())], buffer);
}

kj::Promise<Answer> CallMaker::ping(Channel& channel) {
  return send_and_judge(channel.engram.pingRequest(), 1, measure_sizes(), [](auto&, Answer&) {});
}

kj::Promise<Answer> CallMaker::get(Channel& channel) {
  auto call = channel.space.reader.getRequest(capnp::MessageSize{16 + 4 * std::uint64_t{options_.bulk}, 0});
  auto request = call.initRequest();
  call.setTimeoutMs(options_.timeout_ms);
  if (!options_.return_properties) set_plain_projection(request);
  for (auto vertex : request.initVertices(options_.bulk)) set_key(vertex);
  return send_and_judge(kj::mv(call), options_.bulk, measure_sizes(), [](auto& response, Answer& answer) {
    auto reply = response.getReply();
    answer.code = code_of(reply.getError());
    for (auto vertex : reply.getVertices()) answer.missing += vertex.getFound() ? 0 : 1;
  });
}

kj::Promise<Answer> CallMaker::neighbors(Channel& channel) {
  auto call = channel.space.reader.neighborsRequest(capnp::MessageSize{32, 0});
  auto request = call.initRequest();
  call.setTimeoutMs(options_.timeout_ms);
  set_plain_projection(request);
  set_key(request.initVertex());
  return send_and_judge(kj::mv(call), 1, measure_sizes(), [](auto& response, Answer& answer) {
    answer.code = code_of(response.getReply().getError());
  });
}

kj::Promise<Answer> CallMaker::expand(Channel& channel, unsigned hops) {
  auto call = channel.space.reader.expandRequest(capnp::MessageSize{64, 0});
  auto request = call.initRequest();
  call.setTimeoutMs(options_.timeout_ms);
  request.setResult(schema::ResultKind::IDS);
  set_key(request.initSeeds(1)[0]);
  request.initHops(hops);   // a hop as it is made: every outgoing edge
  return send_and_judge(kj::mv(call), 1, measure_sizes(), [](auto& response, Answer& answer) {
    auto reply = response.getReply();
    answer.code = code_of(reply.getError());
    answer.exceeded = reply.getExceeded() == schema::Limit::NONE ? 0 : 1;
  });
}

kj::Promise<Answer> CallMaker::recall(Channel& channel) {
  auto call = channel.space.reader.recallRequest(capnp::MessageSize{64, 0});
  auto request = call.initRequest();
  call.setTimeoutMs(options_.timeout_ms);
  request.setMaxHops(3);
  request.setTop(20);
  set_plain_projection(request);
  set_key(request.initSeeds(1)[0].initVertex());
  return send_and_judge(kj::mv(call), 1, measure_sizes(), [](auto& response, Answer& answer) {
    auto reply = response.getReply();
    answer.code = code_of(reply.getError());
    answer.exceeded = reply.getExceeded() == schema::Limit::NONE ? 0 : 1;
  });
}

client::Batch CallMaker::puts() {
  client::Batch batch(options_.batch);
  bool one_partition = options_.batch_in_one_partition && !partitioned_.indexes.empty();
  std::size_t partition = one_partition ? draw_.dice().below(partitioned_.indexes.size()) : 0;
  client::VertexOptions changes;
  changes.properties.push_back({"bench", static_cast<std::int64_t>(draw_.dice().next() >> 1)});
  char buffer[24];
  for (unsigned i = 0; i < options_.batch; ++i) {
    batch.put_vertex(one_partition ? key_in(partitioned_.indexes[partition], buffer)
                                   : options_.keys.key(next_index(), buffer),
                     changes);
  }
  return batch;
}

client::Batch CallMaker::links() {
  client::Batch batch(options_.batch);
  auto& partitions = partitioned_.indexes;
  char source[24];
  char target[24];
  for (unsigned i = 0; i < options_.batch; ++i) {
    if (!partitioned_.targets.empty()) {
      batch.link(key_in(partitioned_.chosen, source), "BENCH", key_in(partitioned_.targets, target));
      continue;
    }
    std::size_t from = draw_.dice().below(partitions.size());
    std::size_t to = (from + 1 + draw_.dice().below(std::max<std::size_t>(partitions.size() - 1, 1))) % partitions.size();
    batch.link(key_in(partitions[from], source), "BENCH", key_in(partitions[to], target));
  }
  return batch;
}

kj::Promise<Answer> CallMaker::submit(Channel& channel, std::size_t lane, client::Batch batch) {
  KJ_IF_MAYBE (writer, channel.space.writer) {
    channel.open_sequences[lane] = channel.next_sequence++;
    auto bytes = batch.impl().encode({.session = channel.session,
                                      .sequence = channel.open_sequences[lane],
                                      .first_incomplete = channel.first_incomplete(),
                                      .space = channel.space.info.id});
    auto call = writer->submitRequest(capnp::MessageSize{bytes.size() + 16, 0});
    call.setCommand(bytes.asBytes());
    call.setTimeoutMs(options_.timeout_ms);
    auto judge = [&channel, lane](auto& response, Answer& answer) {
      channel.open_sequences[lane] = 0;
      answer.code = code_of(response.getOutcome().getError());
    };
    return send_and_judge(kj::mv(call), options_.batch, measure_sizes(), judge);
  }
  return Answer{.code = Code::permission_denied};
}

}  // namespace engram::loadgen
