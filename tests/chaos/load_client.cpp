#include "tests/chaos/load_client.h"

#include <algorithm>
#include <chrono>

namespace engram::test {
namespace {

using client::Batch;
using client::Fate;
using history::Ending;

constexpr std::size_t long_list = 60;
constexpr std::uint32_t all_edges = 10'000;  // in one answer; with more of them it is not looked at
constexpr unsigned calls_to_a_server = 150;  // about, then the client connects anew, with a new session

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void put_account(Batch& batch, const history::AccountState& before, std::int64_t more, history::TransferNumber number) {
  batch.require_vertex_version(before.account, before.version);
  batch.put_vertex(before.account, with_properties({{"balance", before.balance + more}, {"last", number}}));
}

}  // namespace

LoadClient::LoadClient(unsigned number, LoadPlan& plan, std::uint64_t seed) : number_(number), plan_(plan), random_(seed) {}

void LoadClient::begin() {
  thread_ = std::thread([this] { run(); });
}

void LoadClient::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void LoadClient::run() {
  while (!stopping_) {
    if (!connect()) continue;
    next();
    std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 4));
  }
  client_.reset();  // by the thread that made it
}

/// To one server or to whatever answers: so a change is also asked for again at another node than the first time.
bool LoadClient::connect() {
  LoadPlan::Servers servers = plan_.servers();
  if (edition_ != servers.edition || tired_ || random_() % calls_to_a_server == 0) client_.reset();
  tired_ = false;
  edition_ = servers.edition;  // told only now: whoever waits for it may rely on the old connection being closed
  if (client_) return true;
  client::Options options;
  options.server.clear();
  if (random_() % 2 == 0) {
    options.server = servers.all[random_() % servers.all.size()];
  } else {
    for (const std::string& one : servers.all) options.server += (options.server.empty() ? "" : ",") + one;
  }
  options.connect_wait_ms = 500;
  options.attempt_timeout_ms = static_cast<std::uint32_t>(500 + random_() % 3000);
  options.backoff_max_ms = 100;
  options.timeout_ms = static_cast<std::uint32_t>(random_() % 4 == 0 ? 8000 : 300 + random_() % 1200);
  auto connected = client::Client::connect(options);
  if (connected.ok()) client_.emplace(std::move(connected).value());
  return client_.has_value();
}

void LoadClient::next() {
  auto dice = random_() % 100;
  if (dice < 26) return append();
  if (dice < 42) return read_lists();
  if (dice < 58) return transfer();
  if (dice < 68) return read_accounts();
  if (dice < 78) return insert();
  if (dice < 86) return claim();
  if (dice < 92) return link();
  if (dice < 95) return unlink();
  read_edges();
}

// --- Calls

std::optional<std::vector<client::Vertex>> LoadClient::read(const std::vector<std::string>& keys,
                                                            history::Operation& when) {
  std::vector<client::VertexRef> vertices(keys.begin(), keys.end());
  when.process = number_;
  when.began_ns = now_ns();
  auto read = client_->get(vertices);
  when.ended_ns = now_ns();
  when.ending = Ending::ok;
  tired_ = !read.ok();
  if (!read.ok()) return std::nullopt;
  ++told_ok_;
  return std::move(*read);
}

client::Outcome LoadClient::submit(Batch& batch, history::Operation& operation) {
  operation.process = number_;
  operation.began_ns = now_ns();
  client::Outcome outcome = client_->submit(batch);
  if (outcome.fate == Fate::unknown && random_() % 2 == 0) outcome = client_->ask_again(batch, outcome);
  operation.ended_ns = now_ns();
  operation.ending = outcome.fate == Fate::committed ? Ending::ok
                     : outcome.fate == Fate::failed  ? Ending::failed
                                                     : Ending::unknown;
  if (outcome.committed()) ++told_ok_;
  tired_ = outcome.fate == Fate::unknown && random_() % 2 == 0;
  return outcome;
}

// --- Lists

std::vector<unsigned> LoadClient::some_slots(unsigned count) {
  std::vector<unsigned> slots;
  while (slots.size() < count) {
    auto slot = static_cast<unsigned>(random_() % LoadPlan::list_slots);
    if (std::find(slots.begin(), slots.end(), slot) == slots.end()) slots.push_back(slot);
  }
  return slots;
}

history::ListAccess LoadClient::note_list(const std::string& key, const client::Vertex& vertex,
                                          const history::Operation& when) {
  history::ListAccess access = list_state(key, vertex);
  told_.lists.push_back({when, {access}});
  return access;
}

/// Reads of several vertices are entered as reads of one each: together they are no snapshot.
void LoadClient::read_lists() {
  std::vector<std::string> keys;
  for (unsigned slot : some_slots(1 + random_() % 3)) keys.push_back(plan_.list(slot));
  history::Operation when;
  auto vertices = read(keys, when);
  for (std::size_t i = 0; vertices && i < keys.size(); ++i) note_list(keys[i], (*vertices)[i], when);
}

/// To one to three lists, now and then two elements to one of them, now and then only requiring one.
void LoadClient::append() {
  std::vector<unsigned> slots = some_slots(1 + random_() % 3);
  std::vector<std::string> keys;
  for (unsigned slot : slots) keys.push_back(plan_.list(slot));
  history::ListTransaction transaction;
  auto vertices = read(keys, transaction);
  if (!vertices) return;
  Batch batch;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    history::ListAccess access = note_list(keys[i], (*vertices)[i], transaction);
    if (access.read.size() >= long_list) return plan_.renew_list(slots[i], keys[i]);
    if (access.version == 0)
      batch.require_no_vertex(keys[i]);
    else
      batch.require_vertex_version(keys[i], access.version);
    auto dice = random_() % 10;
    for (unsigned more = i > 0 && dice == 0 ? 0 : dice == 1 ? 2 : 1; more > 0; --more) {
      access.appended.push_back(next_number());
      std::vector<history::Element> longer = access.read;
      longer.insert(longer.end(), access.appended.begin(), access.appended.end());
      batch.put_vertex(keys[i], with_properties({{"list", value_of(longer)}}));
    }
    transaction.lists.push_back(std::move(access));
  }
  client::Outcome outcome = submit(batch, transaction);
  for (history::ListAccess& access : transaction.lists)
    if (outcome.committed() && !access.appended.empty() && client_->owner_of(access.key) == outcome.partition)
      access.written_version = outcome.version;
  told_.lists.push_back(std::move(transaction));
}

// --- The bank

history::AccountState LoadClient::note_account(const std::string& key, const client::Vertex& vertex,
                                               const history::Operation& when) {
  history::AccountState state = account_state(key, vertex);
  told_.bank.reads.push_back({when, state});
  return state;
}

void LoadClient::read_accounts() {
  std::vector<std::string> keys{plan_.account(random_())};
  if (random_() % 2 == 0) keys.push_back(plan_.account(random_()));
  history::Operation when;
  auto vertices = read(keys, when);
  for (std::size_t i = 0; vertices && i < keys.size(); ++i) note_account(keys[i], (*vertices)[i], when);
}

void LoadClient::transfer() {
  auto first = random_();
  std::vector<std::string> keys{plan_.account(first), plan_.account(first % LoadPlan::accounts + 1 +
                                                                    random_() % (LoadPlan::accounts - 1))};
  history::Transfer transfer;
  auto vertices = read(keys, transfer);
  if (!vertices) return;
  for (std::size_t i : {0u, 1u}) transfer.before[i] = note_account(keys[i], (*vertices)[i], transfer);
  transfer.number = next_number();
  transfer.amount = static_cast<std::int64_t>(1 + random_() % 20);
  Batch batch;
  put_account(batch, transfer.before[0], -transfer.amount, transfer.number);
  put_account(batch, transfer.before[1], transfer.amount, transfer.number);
  (void)submit(batch, transfer);
  told_.bank.transfers.push_back(std::move(transfer));
}

// --- What is there once or not at all

void LoadClient::insert() {
  history::Insert insert;
  insert.member = plan_.key("member/" + std::to_string(next_number()));
  Batch batch;
  batch.put_vertex(insert.member, {.mode = client::PutMode::create, .labels = {plan_.key("Member")}});
  (void)submit(batch, insert);
  told_.inserts.push_back(std::move(insert));
}

void LoadClient::claim() {
  history::Claim claim;
  claim.key = plan_.next_claim();
  claim.number = next_number();
  Batch batch;
  client::VertexOptions options = with_properties({{"number", claim.number}});
  options.mode = client::PutMode::create;
  options.labels = {plan_.key("Claim")};
  batch.put_vertex(claim.key, options);
  client::Outcome outcome = submit(batch, claim);
  claim.taken = outcome.status.code() == Code::vertex_exists;
  told_.claims.push_back(std::move(claim));
}

void LoadClient::link() {
  auto from = random_(), to = random_();
  history::LinkChange change;
  change.edge = {plan_.place(from), "T", plan_.place(to), next_number()};
  Batch batch;
  batch.link(change.edge.source, change.edge.type, change.edge.target,
             {.rank = change.edge.rank, .mode = client::PutMode::create});
  if (submit(batch, change).committed()) linked_.push_back(change.edge);
  told_.edges.changes.push_back(std::move(change));
}

void LoadClient::unlink() {
  if (linked_.empty()) return link();
  std::swap(linked_[random_() % linked_.size()], linked_.back());
  history::LinkChange change;
  change.unlink = true;
  change.edge = linked_.back();
  linked_.pop_back();
  Batch batch;
  batch.unlink({change.edge.source, change.edge.type, change.edge.target, change.edge.rank});
  (void)submit(batch, change);
  told_.edges.changes.push_back(std::move(change));
}

/// Of one place in one direction.
void LoadClient::read_edges() {
  history::EdgeRead read;
  read.process = number_;
  read.incoming = random_() % 2 == 0;
  read.vertex = plan_.place(random_());
  client::NeighborsQuery query;
  query.direction = read.incoming ? client::Direction::in : client::Direction::out;
  query.limit = all_edges;
  query.projection = {.properties = false, .labels = false};
  read.began_ns = now_ns();
  auto page = client_->neighbors(read.vertex, query);
  read.ended_ns = now_ns();
  if (!page.ok() || !page->cursor.empty()) return;
  ++told_ok_;
  for (const client::Edge& edge : page->edges) read.edges.push_back(name_of(edge));
  told_.edges.reads.push_back(std::move(read));
}

}  // namespace engram::test
