#include "tests/crash/load_worker.h"

#include <utility>

namespace engram::test {
namespace {

using client::Batch;
using client::EdgeKey;
using client::EdgeOptions;
using client::Fate;
using client::PutMode;
using client::VertexOptions;

constexpr std::size_t ballast_bytes = 90'000;  // so that segments fill up

VertexOptions with_value(std::int64_t value, PutMode mode = PutMode::upsert) {
  VertexOptions options;
  options.mode = mode;
  options.labels = {"Thing"};
  options.properties = {{"value", value}};
  return options;
}

EdgeOptions with_weight(std::int64_t weight, std::int64_t rank = 0) {
  EdgeOptions options;
  options.rank = rank;
  options.weight = static_cast<double>(weight);
  return options;
}

}  // namespace

// --- Ledger

std::vector<std::string> Ledger::hubs() {
  std::vector<std::string> keys;
  for (int i = 0; i < places; ++i) keys.push_back(place(static_cast<std::uint64_t>(i)));
  return keys;
}

void Ledger::commit(const Effects& own, const GraphState& added) {
  std::lock_guard lock(mutex_);
  apply(own, expected_);
  for (const auto& [item, more] : added) expected_[item] += more;
}

std::optional<std::int64_t> Ledger::find(const std::string& item) const {
  std::lock_guard lock(mutex_);
  auto found = expected_.find(item);
  return found == expected_.end() ? std::nullopt : std::optional(found->second);
}

GraphState Ledger::expected() const {
  std::lock_guard lock(mutex_);
  return expected_;
}

void Ledger::complain(std::string problem) {
  std::lock_guard lock(mutex_);
  problems_.push_back(std::move(problem));
}

std::vector<std::string> Ledger::problems() {
  std::lock_guard lock(mutex_);
  return std::exchange(problems_, {});
}

// --- The thread

LoadWorker::LoadWorker(unsigned number, std::string server, std::uint64_t seed, Ledger& ledger)
    : number_(number), server_(std::move(server)), random_(seed), ledger_(ledger), thread_([this] { run(); }) {}

LoadWorker::~LoadWorker() {
  stopping_ = true;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return task_ == Task::none; });
    task_ = Task::end;
    changed_.notify_all();
  }
  thread_.join();
}

void LoadWorker::begin(Task task) {
  std::lock_guard lock(mutex_);
  task_ = task;
  changed_.notify_all();
}

void LoadWorker::begin_load() {
  stopping_ = false;
  begin(Task::load);
}

void LoadWorker::begin_settle(bool present) {
  present_ = present;
  begin(Task::settle);
}

bool LoadWorker::idle() const {
  std::lock_guard lock(mutex_);
  return task_ == Task::none;
}

void LoadWorker::run() {
  while (true) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return task_ != Task::none; });
      task = task_;
    }
    if (task == Task::load) load();
    if (task == Task::settle) settle();
    if (task == Task::end) client_.reset();  // by the thread that made it
    std::lock_guard lock(mutex_);
    if (task == Task::end) return;
    task_ = Task::none;
    changed_.notify_all();
  }
}

bool LoadWorker::connect() {
  if (client_) return true;
  client::Options options;
  options.server = server_;
  options.backoff_min_ms = 2;
  options.backoff_max_ms = 50;
  options.connect_wait_ms = 500;
  auto connected = client::Client::connect(options);
  if (connected.ok()) client_.emplace(std::move(connected).value());
  return client_.has_value();
}

// --- Changes and their outcomes

void LoadWorker::load() {
  while (!stopping_) {
    if (!connect()) continue;
    if (pending_) {
      ask_again();
      continue;
    }
    std::optional<Change> change = next_change();
    if (!change) continue;  // the engine went away while it was asked
    // Some outlive the engine and send it again to the next one by themselves, others give up and ask later.
    auto timeout_ms = static_cast<std::uint32_t>(random_() % 4 == 0 ? 20'000 : 50 + random_() % 500);
    client::Outcome outcome = client_->submit(change->batch, timeout_ms);
    finish(std::move(*change), std::move(outcome));
  }
}

/// Perhaps the engine is slow, and not dead.
void LoadWorker::ask_again() {
  client::Outcome outcome = client_->ask_again(pending_->change.batch, pending_->outcome, 300);
  if (outcome.fate == Fate::unknown) return;
  Change change = std::move(pending_->change);
  pending_.reset();
  finish(std::move(change), std::move(outcome));
}

void LoadWorker::finish(Change change, client::Outcome outcome) {
  if (outcome.duplicate) ++ledger_.duplicates;
  if (outcome.fate == Fate::committed) {
    ++ledger_.committed;
    if (change.refusal != Code::none) ledger_.complain("a change that has to be refused was committed");
    ledger_.commit(change.own, change.added);
  } else if (outcome.fate == Fate::failed) {
    ++ledger_.failed;
    Code code = outcome.status.code();
    // These are no more than "not now": the client tells them only when nothing was changed.
    bool later = code == Code::unavailable || code == Code::overloaded || code == Code::conflict;
    bool right = code == change.refusal || later ||
                 (change.may_lose && code == Code::precondition_failed);
    if (!right)
      ledger_.complain(std::string("a change failed with ") + code_name(code) + ": " + outcome.status.message());
  } else {
    ++ledger_.unknown;
    Effects before;
    for (const auto& [item, after] : change.own) before[item] = ledger_.find(item);
    pending_.emplace(Pending{std::move(change), std::move(outcome), std::move(before)});
  }
}

Presence LoadWorker::presence_in(const GraphState& actual) const {
  bool before = true, after = true;
  auto agrees = [&](const std::string& item, const std::optional<std::int64_t>& value) {
    auto found = actual.find(item);
    return found == actual.end() ? !value.has_value() : value.has_value() && *value == found->second;
  };
  for (const auto& [item, value] : pending_->change.own) {
    after = after && agrees(item, value);
    before = before && agrees(item, pending_->before.at(item));
  }
  if (before) return Presence::absent;  // also of a change that has to be refused: it has no effects
  return after ? Presence::whole : Presence::torn;
}

void LoadWorker::settle() {
  settled_late_.clear();
  Pending pending = std::move(*pending_);
  pending_.reset();
  if (random_() % 3 == 0) {
    if (present_) ledger_.commit(pending.change.own, pending.change.added);
    return;
  }
  client::Outcome outcome = client_->ask_again(pending.change.batch, pending.outcome, 60'000);
  if (outcome.fate == Fate::committed && present_ && !outcome.duplicate)
    ledger_.complain("asked again, a change that had happened was applied again: " + pending.change.own.begin()->first);
  if (outcome.fate == Fate::committed && !present_ && outcome.duplicate)
    settled_late_ = pending.change.own.begin()->first;
  if (outcome.fate == Fate::failed && present_)
    ledger_.complain("asked again, a change that had happened failed: " + outcome.status.message());
  finish(std::move(pending.change), std::move(outcome));
}

// --- The kinds of changes

std::string LoadWorker::own(const std::string& name) const {
  return "worker " + std::to_string(number_) + "/" + name;
}

std::optional<Change> LoadWorker::next_change() {
  auto dice = random_() % 100;
  if (dice < 34) return create();
  if (dice < 46) return count();
  if (dice < 56) return count_together();
  if (dice < 70) return transfer();
  if (dice < 82) return relink();
  if (dice < 88) return remove();
  if (dice < 94) return refused();
  return heavy();
}

/// A vertex that is created once or never, linked both ways with a place that mostly is in another partition.
Change LoadWorker::create() {
  auto value = static_cast<std::int64_t>(++created_);
  std::string key = own(std::to_string(value)), place = Ledger::place(random_());
  Change change;
  change.batch.put_vertex(key, with_value(value, PutMode::create));
  change.batch.link(key, "AT", place, with_weight(value)).link(place, "HAS", key, with_weight(value));
  change.own = {{vertex_item(key), value},
                {edge_item({key, "AT", place, 0}), value},
                {edge_item({place, "HAS", key, 0}), value}};
  here_.emplace_back(key, place);
  return change;
}

Change LoadWorker::count() {
  std::string key = own("counter");
  auto old = ledger_.find(vertex_item(key));
  Change change;
  if (old) change.batch.require_vertex_property(key, {"value", *old});
  change.batch.put_vertex(key, with_value(old.value_or(0) + 1));
  change.own = {{vertex_item(key), old.value_or(0) + 1}};
  return change;
}

void LoadWorker::add_receipt(Change& change) {
  std::string key = own("receipts");
  auto value = static_cast<std::int64_t>(++receipts_);
  change.batch.put_vertex(key, with_value(value));
  change.own[vertex_item(key)] = value;
}

std::optional<std::int64_t> LoadWorker::read_value(const std::string& key) {
  auto vertex = client_->get(key, {}, 200);
  if (!vertex.ok()) return std::nullopt;
  const client::Value* value = client::find_property(vertex->properties, "value");
  const std::int64_t* number = value == nullptr ? nullptr : value->get_if<std::int64_t>();
  return number == nullptr ? std::nullopt : std::optional(*number);
}

std::optional<Change> LoadWorker::count_together() {
  auto old = read_value("counter");
  if (!old) return std::nullopt;
  Change change;
  change.batch.require_vertex_property("counter", {"value", *old}).put_vertex("counter", with_value(*old + 1));
  change.added = {{vertex_item("counter"), 1}};
  change.may_lose = true;
  add_receipt(change);
  return change;
}

std::optional<Change> LoadWorker::transfer() {
  auto first = random_() % Ledger::accounts;
  std::string from = Ledger::account(first);
  std::string to = Ledger::account(first + 1 + random_() % (Ledger::accounts - 1));
  auto has = read_value(from), gets = read_value(to);
  if (!has || !gets) return std::nullopt;
  auto amount = static_cast<std::int64_t>(1 + random_() % 20);
  Change change;
  change.batch.require_vertex_property(from, {"value", *has}).require_vertex_property(to, {"value", *gets});
  change.batch.put_vertex(from, with_value(*has - amount)).put_vertex(to, with_value(*gets + amount));
  change.added = {{vertex_item(from), -amount}, {vertex_item(to), amount}};
  change.may_lose = true;
  add_receipt(change);
  return change;
}

/// Edges between places, parallel ones of different workers told apart by their rank.
Change LoadWorker::relink() {
  EdgeKey edge{Ledger::place(random_()), "NEXT", Ledger::place(random_()), number_};
  auto old = ledger_.find(edge_item(edge));
  Change change;
  if (old && random_() % 3 == 0) {
    change.batch.unlink(edge);
    change.own = {{edge_item(edge), std::nullopt}};
  } else {
    change.batch.link(edge.source, edge.type, edge.target, with_weight(old.value_or(0) + 1, edge.rank));
    change.own = {{edge_item(edge), old.value_or(0) + 1}};
  }
  return change;
}

/// Vertices go with their edges, at both ends; some alone, and some together.
Change LoadWorker::remove() {
  Change change;
  std::size_t wanted = random_() % 2 == 0 ? 1 : 2 + random_() % 3;
  while (!here_.empty() && change.own.size() < 3 * wanted) {
    auto at = static_cast<std::ptrdiff_t>(random_() % here_.size());
    auto [key, place] = here_[static_cast<std::size_t>(at)];
    here_.erase(here_.begin() + at);
    if (!ledger_.find(vertex_item(key))) continue;  // it never came to be
    change.batch.delete_vertex(key);
    for (const std::string& item :
         {vertex_item(key), edge_item({key, "AT", place, 0}), edge_item({place, "HAS", key, 0})})
      change.own[item] = std::nullopt;
  }
  return change.own.empty() ? create() : std::move(change);
}

Change LoadWorker::heavy() {
  std::string key = own("ballast");
  auto old = ledger_.find(vertex_item(key)).value_or(0);
  VertexOptions options = with_value(old + 1);
  options.properties.push_back({"ballast", std::string(ballast_bytes, static_cast<char>('a' + old % 26))});
  Change change;
  change.batch.put_vertex(key, options);
  change.own = {{vertex_item(key), old + 1}};
  return change;
}

/// Wrong in its last part, so that nothing of it may be seen.
Change LoadWorker::refused() {
  Change change;
  change.batch.put_vertex(own("never " + std::to_string(random_() % 1000)), with_value(1, PutMode::create));
  if (random_() % 2 == 0) {
    change.batch.put_vertex(Ledger::place(random_()), with_value(7, PutMode::create));
    change.refusal = Code::vertex_exists;
  } else {
    change.batch.require_vertex_property(Ledger::place(random_()), {"value", -1});
    change.refusal = Code::precondition_failed;
  }
  return change;
}

}  // namespace engram::test
