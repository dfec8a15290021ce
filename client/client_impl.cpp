#include "client/client_impl.h"

#include <algorithm>
#include <random>

#include "client/engram/servers.h"

namespace engram::client {

namespace {

// What was given up as unknown is remembered for ask_again, so many of them.
constexpr std::size_t max_given_up = 1024;

// The least silence that ends a connection: a node that is busy may take a while to answer a ping.
constexpr auto shortest_silence = 500 * kj::MILLISECONDS;

constexpr auto map_age = 5 * kj::SECONDS;  // of what is known of owners

std::uint64_t system_random() {
  static thread_local std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

/// kj's descriptions start with the expression that failed: "connect() ...: Connection refused".
std::string reason_of(const kj::Exception& error) { return error.getDescription().cStr(); }

}  // namespace

std::vector<std::string> split_servers(const std::string& list) {
  std::vector<std::string> servers;
  for (std::size_t from = 0; from <= list.size();) {
    std::size_t end = std::min(list.find(',', from), list.size());
    if (end > from) servers.push_back(list.substr(from, end - from));
    from = end + 1;
  }
  if (servers.empty()) servers.push_back(list);  // the error of connecting names it
  return servers;
}

std::shared_ptr<kj::AsyncIoContext> loop_of_this_thread() {
  static thread_local std::weak_ptr<kj::AsyncIoContext> current;
  auto loop = current.lock();
  if (!loop) {
    loop = std::make_shared<kj::AsyncIoContext>(kj::setupAsyncIo());
    current = loop;
  }
  return loop;
}

std::uint32_t Backoff::next_ms(std::uint64_t random) {
  auto ceiling = std::max(next_ms_, 2U);
  next_ms_ = std::min(ceiling * 2, max_ms_);
  return ceiling / 2 + static_cast<std::uint32_t>(random % (ceiling / 2 + 1));
}

CallError classify(const kj::Exception& error) {
  switch (error.getType()) {
    case kj::Exception::Type::DISCONNECTED:
      return {Failure::lost, Status(Code::unavailable, "the connection was lost (" + reason_of(error) + ")")};
    case kj::Exception::Type::OVERLOADED: return {Failure::refused, Status(Code::overloaded, reason_of(error))};
    case kj::Exception::Type::UNIMPLEMENTED:
      return {Failure::refused,
              Status(Code::unsupported, "the engine does not know this call: is it older than this client?")};
    case kj::Exception::Type::FAILED: break;
  }
  return {Failure::answered, Status(Code::internal, "the engine failed: " + reason_of(error))};
}

Client::Impl::Impl(Options options)
    : options_(std::move(options)),
      servers_(split_servers(options_.server)),
      loop_(loop_of_this_thread()),
      owners_(options_, *loop_, generation_) {
  if (!options_.random) options_.random = system_random;
  if (servers_.size() > 1) at_ = options_.random() % servers_.size();  // clients spread over the nodes
  session_ = options_.random() | 1;   // 0 means "no session"
}

Live& Client::Impl::live() {
  KJ_IF_MAYBE (live, live_) return *live;
  KJ_FAIL_REQUIRE("no connection");
}

void Client::Impl::drop_live(std::uint64_t generation) {
  if (owners_.drop(generation)) return;
  KJ_IF_MAYBE (live, live_) {
    if (live->generation != generation) return;
    live_ = nullptr;
    at_ = (at_ + 1) % servers_.size();
  }
}

void Client::Impl::leave_for(const Status& answer, std::uint64_t generation) {
  // With a field it is about that, an index that is being built, and any other node would say the same.
  bool about_node = answer.code() == Code::unavailable && answer.field().empty();
  if (about_node && servers_.size() > 1) drop_live(generation);
}

/// Of several servers each has a share of the time that is left, so that a silent one leaves enough for another.
Client::Impl::Wait Client::Impl::begin_wait(std::uint64_t generation, kj::TimePoint deadline) {
  auto begins = now();
  auto share = std::max(deadline - begins, 0 * kj::NANOSECONDS) / static_cast<unsigned>(servers_.size());
  auto silence = std::min(options_.attempt_timeout_ms * kj::MILLISECONDS, std::max(share, shortest_silence));
  if (Live* live = find(generation); live != nullptr) live->silence.begin(*live->connection);
  return {generation, begins, deadline, silence / Silence::steps};
}

kj::Promise<Failure> Client::Impl::watch(Wait wait) {
  auto next = std::min(wait.looked + wait.step, wait.deadline);
  // An absolute time, and only then what is in the socket already: see `limited`.
  return timer().atTime(next).then([] { return kj::evalLast([] {}); }).then([this, wait, next]() -> kj::Promise<Failure> {
    Live* live = find(wait.generation);   // null: its calls end by themselves
    if (live != nullptr && live->silence.look(*live->connection, next - wait.looked, wait.step)) return Failure::lost;
    if (next >= wait.deadline) return Failure::late;
    bool stood_still = now() - next >= wait.step;
    return watch({wait.generation, stood_still ? now() : next, wait.deadline, wait.step});
  });
}

bool Client::Impl::pause(Backoff& backoff, kj::TimePoint deadline) {
  auto until = now() + backoff.next_ms(options_.random()) * kj::MILLISECONDS;
  if (until >= deadline) return false;
  timer().atTime(until).wait(wait_scope());
  return true;
}

Status Client::Impl::explain_unreachable(const Status& status) const {
  auto reason = status.message();
  while (reason.ends_with('.')) reason.pop_back();   // kj's have one, the system's have none
  return {Code::unavailable, "no engine answers at " + address() + ": " + reason +
                                 ". Is one running there (engram serve)? Does it want TLS (--ca), or a client's "
                                 "certificate (--cert)?"};
}

Status Client::Impl::ensure_live(kj::TimePoint deadline) {
  Backoff backoff(options_);
  while (live_ == nullptr) {
    auto status = try_each_server(deadline);
    if (!status.ok() && (!is_passing(status.code()) || !pause(backoff, deadline))) return status;
  }
  return {};
}

/// What one server refuses may be its own fault (a certificate, a file of tokens): only what all refuse is final.
Status Client::Impl::try_each_server(kj::TimePoint deadline) {
  Status passing, refusal;
  std::string refuser;
  for (std::size_t tried = 0; tried < servers_.size(); ++tried) {
    auto status = connect_once(deadline);
    if (status.ok()) return status;
    if (is_passing(status.code())) {
      passing = status;
    } else if (refusal.ok()) {
      refusal = status;
      refuser = address();
    }
    at_ = (at_ + 1) % servers_.size();
  }
  if (passing.ok()) return refusal;
  if (refusal.ok()) return passing;
  return {passing.code(), passing.message() + " " + refuser + " is there, but: " + refusal.message()};
}

Status Client::Impl::connect_once(kj::TimePoint deadline) {
  auto& scope = wait_scope();
  // A node that does not answer must not take the time in which another one would.
  auto attempt_ms = std::max(1U, std::min(milliseconds_until(deadline), options_.attempt_timeout_ms));
  auto limit = now() + attempt_ms * kj::MILLISECONDS / static_cast<unsigned>(servers_.size());
  try {
    // The whole greeting is one promise, so that one deadline holds for all of it.
    auto answer = limited(greet(*loop_->provider, address(), options_), limit).wait(scope);
    KJ_IF_MAYBE (greeted, answer) {
      if (!greeted->ok()) return greeted->status();
      take_in(kj::mv(*greeted->value()));
      return {};
    }
    return explain_unreachable(Status(Code::unavailable, "it took too long to connect"));
  } catch (const kj::Exception& exception) {
    auto error = classify(exception);
    // A name that does not resolve is FAILED to kj, but it may come (a pod that starts).
    if (error.failure != Failure::refused) return explain_unreachable(Status(Code::unavailable, reason_of(exception)));
    return error.status;
  }
}

void Client::Impl::enter(SpaceInfo space) {
  space_ = std::move(space);
  partitions_ = std::max<std::uint32_t>(server_.partitions, 1);
  route_ = {space_.id, space_.placement, home_of_space(space_.name, partitions_)};
}

void Client::Impl::take_in(Live live) {
  live.generation = ++generation_;
  server_ = live.server;
  enter({});
  KJ_IF_MAYBE (space, live.space) enter(space->info);
  live_ = kj::mv(live);
  learn_owners();
  map_due_ = now() + map_age;
}

void Client::Impl::learn_owners() {
  if (servers_.size() > 1) owners_.learn(server_, live().space_id());
}

/// Asks for the map beside a call, so that none waits for it.
void Client::Impl::learn_again() {
  if (servers_.size() == 1 || now() < map_due_) return;
  map_due_ = now() + map_age;
  learning_ = server_info(live().session)
                  .then([this](Result<ServerInfo>&& server) {
                    if (!server.ok()) return;
                    server_ = kj::mv(server.value());
                    learn_owners();
                  })
                  .eagerlyEvaluate([](kj::Exception&&) {});  // the next call finds out
}

PartitionId Client::Impl::owner_of(const VertexRef& vertex) const {
  if (const auto* id = std::get_if<VertexId>(&vertex.name)) return id->partition();
  return owner_of(std::string_view(std::get<std::string>(vertex.name)));
}

Live& Client::Impl::live_for(const VertexRef* about) {
  learn_again();
  if (about != nullptr && servers_.size() > 1)
    if (Live* owner = owners_.of(owner_of(*about))) return *owner;
  return live();
}

Live* Client::Impl::find(std::uint64_t generation) {
  KJ_IF_MAYBE (live, live_) {
    if (live->generation == generation) return live;
  }
  return owners_.find(generation);
}

Status Client::Impl::no_answer(std::uint64_t generation) {
  const Live* asked = find(generation);
  std::string engine = asked == nullptr ? "the engine" : "the engine at " + asked->address;
  return {Code::deadline_exceeded, engine + " did not answer in time"};
}

Status Client::Impl::use_space(std::string_view name) {
  auto opened = call<OpenSpace>(0, [&](Live& live, std::uint32_t) { return open_space(live.session, std::string(name)); });
  if (!opened.ok()) return opened.status();
  options_.space = name;
  enter(opened->info);
  live().space = kj::mv(opened.value());
  learn_owners();
  return {};
}

Status Client::Impl::check_space() const {
  if (!options_.space.empty()) return {};
  return {Code::invalid_argument, "this client works on no space: name one in Options::space, or by use_space", "space"};
}

std::uint64_t Client::Impl::begin_sequence() {
  auto sequence = next_sequence_++;
  outstanding_.insert(sequence);
  return sequence;
}

void Client::Impl::end_sequence(std::uint64_t sequence) {
  outstanding_.erase(sequence);
  given_up_.erase(sequence);
}

void Client::Impl::give_up_sequence(std::uint64_t sequence) {
  if (!is_outstanding(sequence)) return;   // of a session before this one
  given_up_.insert(sequence);
  // Never one that is on its way: the engine refuses to repeat what is below the lowest outstanding number.
  if (given_up_.size() > max_given_up) end_sequence(*given_up_.begin());
}

CommandHeader Client::Impl::header(std::uint64_t sequence, SpaceId space) const {
  auto first = outstanding_.empty() ? sequence : std::min(sequence, *outstanding_.begin());
  return {session_, sequence, first, space};
}

void Client::Impl::renew_session() {
  session_ = options_.random() | 1;
  outstanding_.clear();
  given_up_.clear();
}

}  // namespace engram::client
