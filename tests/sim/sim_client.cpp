#include "tests/sim/sim_client.h"

#include "client/convert.h"
#include "storage/base/placement.h"
#include "tests/history/graph_states.h"

namespace engram::test {
namespace {

using client::Batch;
using history::Ending;

/// Whether an attempt that was answered so may have had an effect.
bool leaves_open(Code code) {
  return code == Code::unavailable || code == Code::deadline_exceeded || code == Code::cancelled;
}
/// Refused before it was looked at: tells nothing of earlier attempts.
bool at_the_door(Code code) { return code == Code::overloaded || code == Code::disk_full || code == Code::session_expired; }

client::Outcome outcome_of(const Frame& frame) {
  auto answer = frame.read<schema::Answer>();
  if (answer.isOutcome()) return client::read(answer.getOutcome());
  client::Outcome outcome;
  outcome.fate = client::Fate::failed;
  outcome.status = client::read(answer.getError());
  return outcome;
}

}  // namespace

PartitionId SimClient::owner_of(const std::string& key) const {
  std::uint32_t partitions = around_.options.partitions;
  return owner_of_key({SpaceId{0}, Placement::spread, home_of_space("default", partitions)}, key, partitions);
}

void SimClient::begin(SimRequest request) { call_.emplace(around_, nodes_, std::move(request)); }

void SimClient::step() {
  if (!call_) {
    if (calls_left_ == 0) return;
    --calls_left_;
    return next_call();
  }
  SimCall running = std::move(*call_);
  call_.reset();  // what comes next may begin another one
  if (!running.step()) call_.emplace(std::move(running));
}

// --- calls --------------------------------------------------------------------------------------------------------------

void SimClient::submit(Batch batch, Told then, unsigned attempts) {
  ++sequence_;
  client::CommandHeader header{number_ + 1, sequence_, sequence_, SpaceId{0}};
  PartitionId to = owner_of(std::get<std::string>(batch.impl().first_key()->name));
  CommandBytes bytes(batch.impl().encode(header));
  history::Operation operation;
  operation.process = number_;
  operation.began_ns = now();
  struct Doubt {
    bool before = false, now = false;  // whether an attempt may have had an effect
  };
  auto doubt = std::make_shared<Doubt>();
  SimRequest request;
  request.to = to;
  request.attempts = attempts;
  request.make = [bytes, doubt](ReplyPortPtr port, std::int64_t deadline_ns) -> Mail {
    *doubt = {doubt->now, true};
    return SubmitMail{bytes, std::move(port), deadline_ns, {}};
  };
  request.is_final = [this, doubt, sequence = sequence_](const Frame& answer) {
    client::Outcome outcome = outcome_of(answer);
    Code code = outcome.status.code();
    around_.trace.note("outcome of " + std::to_string(number_) + ": " + code_name(code) + " " + outcome.status.message(),
                       sequence);
    if (at_the_door(code)) doubt->now = doubt->before;
    return !leaves_open(code) && !at_the_door(code);
  };
  request.done = [this, operation, doubt, then = std::move(then)](const Frame* answer) mutable {
    operation.ended_ns = now();
    client::Outcome outcome;
    if (answer != nullptr) outcome = outcome_of(*answer);
    operation.ending = answer != nullptr ? (outcome.status.ok() ? Ending::ok : Ending::failed)
                                         : (doubt->now ? Ending::unknown : Ending::failed);
    then(operation, outcome);
  };
  begin(std::move(request));
}

void SimClient::read(const std::string& key, Seen then, unsigned attempts) {
  history::Operation operation;
  operation.process = number_;
  operation.began_ns = now();
  SimRequest request;
  request.to = owner_of(key);
  request.attempts = attempts;
  request.make = [key](ReplyPortPtr port, std::int64_t deadline_ns) -> Mail {
    Frame frame = Frame::build<schema::Request>([&](schema::Request::Builder out) {
      out.setDeadlineNs(deadline_ns);
      out.initGet().initVertices(1)[0].setKey(key.c_str());
    });
    return RequestMail{std::move(frame), std::move(port), {}, deadline_ns, nullptr, {}};
  };
  request.is_final = [](const Frame& answer) { return answer.read<schema::Answer>().isGet(); };
  request.done = [this, operation, then = std::move(then)](const Frame* answer) mutable {
    if (answer == nullptr) return;
    operation.ended_ns = now();
    then(operation, client::read(answer->read<schema::Answer>().getGet().getVertices())[0]);
  };
  begin(std::move(request));
}

void SimClient::read_edges(const std::string& key, bool incoming, SeenEdges then) {
  SimRequest request;
  request.to = owner_of(key);
  request.attempts = 0;
  request.make = [key, incoming](ReplyPortPtr port, std::int64_t deadline_ns) -> Mail {
    Frame frame = Frame::build<schema::Request>([&](schema::Request::Builder out) {
      out.setDeadlineNs(deadline_ns);
      auto neighbors = out.initNeighbors();
      neighbors.initVertex().setKey(key.c_str());
      neighbors.setDirection(incoming ? schema::Direction::IN : schema::Direction::OUT);
      neighbors.setLimit(10'000);
      auto projection = neighbors.initProjection();
      projection.setKeys(false);
      projection.setProperties(false);
    });
    return RequestMail{std::move(frame), std::move(port), {}, deadline_ns, nullptr, {}};
  };
  request.is_final = [](const Frame& answer) { return answer.read<schema::Answer>().isNeighbors(); };
  request.done = [then = std::move(then)](const Frame* answer) {
    then(client::read(answer->read<schema::Answer>().getNeighbors().getEdges()));
  };
  begin(std::move(request));
}

/// One after the other; each of them is a read of its own.
void SimClient::read_all(std::vector<std::string> keys, std::function<void(std::vector<client::Vertex>)> then) {
  auto seen = std::make_shared<std::vector<client::Vertex>>();
  auto next = std::make_shared<std::function<void()>>();
  *next = [this, keys = std::move(keys), then = std::move(then), seen, weak = std::weak_ptr(next)] {
    const std::string& key = keys[seen->size()];
    read(key, [this, key, keys, then, seen, next = weak.lock()](const history::Operation& when, const client::Vertex& vertex) {
      if (key.starts_with("list/")) told_.lists.push_back({when, {list_state(key, vertex)}});
      if (key.starts_with("account/")) told_.bank.reads.push_back({when, account_state(key, vertex)});
      seen->push_back(vertex);
      if (seen->size() == keys.size()) return then(std::move(*seen));
      (*next)();
    });
  };
  (*next)();
}

// --- what it does -------------------------------------------------------------------------------------------------------

void SimClient::next_call() {
  auto dice = around_.random() % 100;
  if (dice < 35) return append();
  if (dice < 45) return read_all({list(around_.random())}, [](const auto&) {});
  if (dice < 65) return transfer();
  if (dice < 72) return read_all({account(around_.random())}, [](const auto&) {});
  if (dice < 80) return insert();
  if (dice < 88) return claim();
  if (dice < 93) return link();
  if (dice < 95) return unlink();
  if (dice < 98) return build_hub();
  delete_hub();
}

void SimClient::append() {
  std::vector<std::string> keys;
  auto first = around_.random();
  for (std::uint64_t i = 0; i <= around_.random() % 3; ++i) keys.push_back(list(first + i));
  read_all(keys, [this, keys](const std::vector<client::Vertex>& vertices) { send_appends(keys, vertices); });
}

void SimClient::send_appends(const std::vector<std::string>& keys, const std::vector<client::Vertex>& vertices) {
  history::ListTransaction transaction;
  Batch batch;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    history::ListAccess access = list_state(keys[i], vertices[i]);
    if (access.version == 0)
      batch.require_no_vertex(keys[i]);
    else
      batch.require_vertex_version(keys[i], access.version);
    for (auto more = one_in(around_.random, 6) ? 2 : 1; more > 0; --more) {
      access.appended.push_back(next_number());
      std::vector<history::Element> longer = access.read;
      longer.insert(longer.end(), access.appended.begin(), access.appended.end());
      batch.put_vertex(keys[i], with_properties({{"list", value_of(longer)}}));
    }
    transaction.lists.push_back(std::move(access));
  }
  submit(std::move(batch), [this, transaction](const history::Operation& when, const client::Outcome& outcome) mutable {
    static_cast<history::Operation&>(transaction) = when;
    for (history::ListAccess& access : transaction.lists)
      if (when.ending == Ending::ok && owner_of(access.key) == outcome.partition) access.written_version = outcome.version;
    told_.lists.push_back(std::move(transaction));
  });
}

void SimClient::transfer() {
  auto first = around_.random() % accounts;
  std::vector<std::string> keys{account(first), account(first + 1 + around_.random() % (accounts - 1))};
  read_all(keys, [this, keys](const std::vector<client::Vertex>& vertices) { send_transfer(keys, vertices); });
}

void SimClient::send_transfer(const std::vector<std::string>& keys, const std::vector<client::Vertex>& vertices) {
  history::Transfer transfer;
  transfer.number = next_number();
  transfer.amount = static_cast<std::int64_t>(1 + around_.random() % 20);
  Batch batch;
  for (std::size_t i : {0U, 1U}) {
    history::AccountState& state = transfer.before[i] = account_state(keys[i], vertices[i]);
    std::int64_t more = i == 0 ? -transfer.amount : transfer.amount;
    batch.require_vertex_version(state.account, state.version);
    batch.put_vertex(state.account, with_properties({{"balance", state.balance + more}, {"last", transfer.number}}));
  }
  submit(std::move(batch), [this, transfer](const history::Operation& when, const client::Outcome&) mutable {
    static_cast<history::Operation&>(transfer) = when;
    told_.bank.transfers.push_back(std::move(transfer));
  });
}

void SimClient::insert() {
  history::Insert insert;
  insert.member = "member/" + std::to_string(next_number());
  Batch batch;
  batch.put_vertex(insert.member, {.mode = client::PutMode::create});
  submit(std::move(batch), [this, insert](const history::Operation& when, const client::Outcome&) mutable {
    static_cast<history::Operation&>(insert) = when;
    told_.inserts.push_back(std::move(insert));
  });
}

void SimClient::claim() {
  history::Claim claim;
  claim.key = "claim/" + std::to_string(around_.random() % 6);
  claim.number = next_number();
  client::VertexOptions options = with_properties({{"number", claim.number}});
  options.mode = client::PutMode::create;
  Batch batch;
  batch.put_vertex(claim.key, options);
  submit(std::move(batch), [this, claim](const history::Operation& when, const client::Outcome& outcome) mutable {
    static_cast<history::Operation&>(claim) = when;
    claim.taken = when.ending == Ending::failed && outcome.status.code() == Code::vertex_exists;
    told_.claims.push_back(std::move(claim));
  });
}

void SimClient::link() {
  auto from = around_.random(), to = around_.random();
  history::LinkChange change;
  change.edge = {place(from), "T", place(to), next_number()};
  Batch batch;
  batch.link(change.edge.source, change.edge.type, change.edge.target,
             {.rank = change.edge.rank, .mode = client::PutMode::create});
  submit(std::move(batch), [this, change](const history::Operation& when, const client::Outcome&) mutable {
    static_cast<history::Operation&>(change) = when;
    if (when.ending == Ending::ok) linked_.push_back(change.edge);
    told_.edges.changes.push_back(std::move(change));
  });
}

void SimClient::unlink() {
  if (linked_.empty()) return link();
  history::LinkChange change;
  change.unlink = true;
  change.edge = linked_.back();
  linked_.pop_back();
  Batch batch;
  batch.unlink({change.edge.source, change.edge.type, change.edge.target, change.edge.rank});
  submit(std::move(batch), [this, change](const history::Operation& when, const client::Outcome&) mutable {
    static_cast<history::Operation&>(change) = when;
    told_.edges.changes.push_back(std::move(change));
  });
}

/// A vertex that comes with edges to and from places, and goes with all of them at once.
void SimClient::build_hub() {
  const std::int64_t number = next_number();
  const std::string hub = "hub/" + std::to_string(number);
  std::vector<history::EdgeName> edges{{hub, "T", place(around_.random()), number}, {place(around_.random()), "T", hub, number}};
  Batch batch;
  batch.put_vertex(hub, {.mode = client::PutMode::create});
  for (const history::EdgeName& edge : edges) batch.link(edge.source, edge.type, edge.target, {.rank = edge.rank});
  submit(std::move(batch), [this, edges](const history::Operation& when, const client::Outcome&) {
    for (const history::EdgeName& edge : edges) told_.edges.changes.push_back({when, edge});
    if (when.ending == Ending::ok) hubs_.push_back(edges);
  });
}

/// One alone, or two in one batch.
void SimClient::delete_hub() {
  if (hubs_.empty()) return build_hub();
  std::vector<history::EdgeName> edges;
  Batch batch;
  for (bool more = true; more && !hubs_.empty(); more = edges.size() < 4 && around_.random() % 2 == 0) {
    batch.delete_vertex(hubs_.back().front().source);
    edges.insert(edges.end(), hubs_.back().begin(), hubs_.back().end());
    hubs_.pop_back();
  }
  submit(std::move(batch), [this, edges](const history::Operation& when, const client::Outcome&) {
    for (const history::EdgeName& edge : edges) told_.edges.changes.push_back({when, edge, true});
  });
}

}  // namespace engram::test
