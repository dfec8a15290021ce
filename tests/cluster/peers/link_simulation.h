#pragma once
// Two links under a random script: mail of all kinds, slow partitions, connections that are cut with what is on them, late
// packets of lost connections, restless askers. The rules are checked from outside, with every step and at the end.

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/cluster/peers/link_script.h"

namespace engram::test {

class LinkSimulation {
 public:
  /// What the histories contained: rules about what never happens would show nothing.
  struct Tally {
    std::uint64_t answered = 0, unknown = 0, overloaded = 0, resent = 0, streamed = 0, lost = 0, unanswered = 0;
  };

  explicit LinkSimulation(std::uint64_t seed)
      : random_(seed), options_(random_options()), sides_{Side(options_, clock_), Side(options_, clock_)} {}

  void run(int steps, Tally& tally) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (!within_bounds()) FAIL("over its bounds, or a connection dropped, at step " << i);
    }
    settle();
    check_end();
    for (const Side& side : sides_) count(side, tally);
  }

 private:
  struct Asked {
    AskingPortPtr port;
    bool submission = false;
    bool session = false;
    std::int64_t deadline_ns = 0;
    std::size_t deliveries = 0;
    std::set<std::uint64_t> answers;  // the ids of those given
  };
  struct Held {
    Delivered mail;
    std::uint64_t connection = 0;
  };
  /// What will reach a node, in this order.
  struct Event {
    enum class What { up, packet, down } what = What::packet;
    std::uint64_t connection = 0;
    PacketBytes bytes;
  };
  struct Side {
    Side(const PeerLinkOptions& options, const Clock& clock) : node(options, clock) {}
    LinkNode node;
    std::deque<Event> coming;
    std::uint64_t connection = 0;           // up here; 0: none
    std::map<std::uint64_t, Asked> asked;   // by id
    std::vector<std::uint64_t> streamed;    // ids of its commands and notices
    std::size_t stream_at = 0;              // how far the other side has come with them
    std::vector<Held> held;                 // its partitions work on these
    std::size_t owed_bytes = 0;             // of answers given on the connection that is up
  };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }
  std::size_t random_size() { return one_in(4) ? below(std::min<std::size_t>(6'000, 40 * options_.part_bytes)) : below(60); }

  PeerLinkOptions random_options() {
    PeerLinkOptions options;
    options.part_bytes = 1 + below(one_in(3) ? 40 : 1'500);
    options.window_bytes = 1 + below(one_in(3) ? 100 : 6'000);
    options.budget_bytes = 1'000 + below(one_in(3) ? 40'000 : 400'000);
    options.reserve_bytes = below(8'000);
    options.longest_wait_ns = 1'000'000'000;
    return options;
  }

  void step();
  void send(Side& from);
  void ask(Side& from);
  void stream(Side& from);
  void answer_one(Side& side);
  void cancel_one(Side& side);
  bool handle(Side& side);
  void take_mail(Side& side);
  void carry(Side& from, Side& to);
  void connect();
  void cut();
  void run_quiet();
  void settle();
  bool within_bounds();
  void check_end();
  static void count(const Side& side, Tally& tally);
  bool rightly_answered(const Asked& asked);

  std::mt19937_64 random_;
  ManualClock clock_;
  PeerLinkOptions options_;
  Side sides_[2];
  std::uint64_t last_id_ = 0;
  std::uint64_t connection_ = 0;  // the newest that was made
  bool cut_ = true;
};

inline void LinkSimulation::step() {
  Side& side = sides_[below(2)];
  switch (below(12)) {
    case 0: case 1: case 2: send(side); break;
    case 3: case 4: answer_one(side); break;
    case 5: if (one_in(3)) cancel_one(side); break;
    case 6: side.node.link->tick(); break;
    case 7: clock_.advance_ms(static_cast<std::int64_t>(below(one_in(20) ? 400 : 10))); break;
    case 8: if (cut_) connect(); else if (one_in(12)) cut(); break;
    case 9: if (one_in(100)) side.node.link->drain(); break;
    default:
      for (std::uint64_t events = 1 + below(20); events > 0 && handle(side); --events) {}
  }
  carry(sides_[0], sides_[1]);
  carry(sides_[1], sides_[0]);
}

inline void LinkSimulation::send(Side& from) {
  if (one_in(2)) ask(from);
  else stream(from);
}

inline void LinkSimulation::ask(Side& from) {
  Asked& asked = from.asked[++last_id_];
  asked.port = std::make_shared<AskingPort>();
  asked.submission = one_in(3);
  asked.session = one_in(2);
  if (one_in(2)) asked.deadline_ns = clock_.monotonic_ns() + 1 + static_cast<std::int64_t>(below(600'000'000));
  if (asked.submission) {
    from.node.link->send({1}, SubmitMail{submission_bytes(last_id_, random_size(), asked.session ? 9 : 0), asked.port,
                                         asked.deadline_ns});
  } else {
    from.node.link->send({1}, RequestMail{question_frame(last_id_, random_size(), asked.deadline_ns), asked.port, {}});
  }
}

inline void LinkSimulation::stream(Side& from) {
  from.streamed.push_back(++last_id_);
  if (one_in(2)) from.node.link->send({1}, command(last_id_, random_size()));
  else from.node.link->send({1}, notice(last_id_, random_size()));
}

inline void LinkSimulation::answer_one(Side& side) {
  if (side.held.empty()) return;
  auto at = side.held.begin() + static_cast<std::ptrdiff_t>(below(side.held.size()));
  Held held = std::move(*at);
  side.held.erase(at);
  Asked& asked = sides_[&side == &sides_[0] ? 1 : 0].asked[held.mail.id];
  std::size_t size = random_size();
  asked.answers.insert(++last_id_);
  if (held.connection == side.connection) side.owed_bytes += size + 1'000;
  held.mail.port->reply(answer_frame(last_id_, size));
}

inline void LinkSimulation::cancel_one(Side& side) {
  if (side.asked.empty()) return;
  auto found = side.asked.lower_bound(1 + below(last_id_));
  if (found != side.asked.end()) found->second.port->cancel();
}

// --- the wire -----------------------------------------------------------------------------------------------------------

inline void LinkSimulation::carry(Side& from, Side& to) {
  for (LinkNode::Packet& packet : std::exchange(from.node.sent, {}))
    if (!cut_ && packet.connection == connection_)
      to.coming.push_back({Event::What::packet, packet.connection, std::move(packet.bytes)});
}

inline void LinkSimulation::connect() {
  ++connection_;
  cut_ = false;
  for (Side& side : sides_) {
    // A new connection may be there before the end of the old one is seen, and before what was still on it.
    std::size_t place = one_in(3) ? below(side.coming.size() + 1) : side.coming.size();
    side.coming.insert(side.coming.begin() + static_cast<std::ptrdiff_t>(place), {Event::What::up, connection_, {}});
  }
}

inline void LinkSimulation::cut() {
  cut_ = true;
  for (Side& side : sides_) {
    std::size_t arrive = below(side.coming.size() + 1);
    while (side.coming.size() > arrive && side.coming.back().what == Event::What::packet) side.coming.pop_back();
    if (!one_in(4)) side.coming.push_back({Event::What::down, connection_, {}});
  }
}

inline bool LinkSimulation::handle(Side& side) {
  if (side.coming.empty()) return false;
  Event event = std::move(side.coming.front());
  side.coming.pop_front();
  switch (event.what) {
    case Event::What::up:
      if (event.connection < side.connection) break;  // wires do not go back
      side.connection = event.connection;
      side.owed_bytes = 0;
      side.node.link->up(event.connection);
      break;
    case Event::What::packet: side.node.link->receive(event.connection, event.bytes); break;
    case Event::What::down:
      if (side.connection == event.connection) side.connection = side.owed_bytes = 0;
      side.node.link->down(event.connection);
      break;
  }
  take_mail(side);
  return true;
}

inline void LinkSimulation::take_mail(Side& side) {
  Side& other = sides_[&side == &sides_[0] ? 1 : 0];
  for (Delivered& mail : std::exchange(side.node.mail, {})) {
    REQUIRE(mail.id != 0);
    if (mail.port == nullptr) {  // in order, at most once, none invented
      while (other.stream_at < other.streamed.size() && other.streamed[other.stream_at] != mail.id) ++other.stream_at;
      REQUIRE(other.stream_at < other.streamed.size());
      ++other.stream_at;
      continue;
    }
    auto found = other.asked.find(mail.id);
    REQUIRE(found != other.asked.end());
    Asked& asked = found->second;
    ++asked.deliveries;
    REQUIRE(asked.submission == (mail.kind == Kind::submission));
    if (asked.submission && !asked.session) REQUIRE(asked.deliveries == 1);
    REQUIRE((mail.deadline_ns != 0) == (asked.deadline_ns != 0));
    side.held.push_back({std::move(mail), side.connection});
  }
}

// --- rules --------------------------------------------------------------------------------------------------------------

inline bool LinkSimulation::within_bounds() {
  return std::all_of(std::begin(sides_), std::end(sides_), [&](const Side& side) {
    return side.node.dropped.empty() && side.node.in_flight_bytes() <= options_.window_bytes + options_.part_bytes &&
           side.node.kept_bytes() <= options_.budget_bytes + options_.reserve_bytes + side.owed_bytes;
  });
}

/// Until nothing is under way that a tick would not send.
inline void LinkSimulation::run_quiet() {
  bool moved = true;
  for (int round = 0; moved; ++round) {
    REQUIRE(round < 20'000);
    moved = false;
    for (Side& side : sides_) {
      while (handle(side)) moved = true;
    }
    if (!moved)
      for (Side& side : sides_) side.node.link->tick();
    moved = moved || !sides_[0].node.sent.empty() || !sides_[1].node.sent.empty();
    carry(sides_[0], sides_[1]);
    carry(sides_[1], sides_[0]);
  }
}

/// No more faults: all that is open comes to its end.
inline void LinkSimulation::settle() {
  if (!cut_) cut();
  connect();
  run_quiet();
  // Who does not wait any more is known at the other end.
  for (int i : {0, 1})
    for (const Held& held : sides_[i].held)
      if (sides_[1 - i].asked[held.mail.id].port->cancelled()) REQUIRE(held.mail.port->cancelled());
  while (!sides_[0].held.empty() || !sides_[1].held.empty()) {
    for (Side& side : sides_) {
      while (!side.held.empty()) answer_one(side);
    }
    run_quiet();
  }
}

inline bool LinkSimulation::rightly_answered(const Asked& asked) {
  if (asked.port->answers() == 0)
    return asked.port->cancelled() || (asked.deadline_ns != 0 && clock_.monotonic_ns() >= asked.deadline_ns);
  if (asked.port->answers() > 1) return false;
  Status status = asked.port->status();
  if (status.ok()) return asked.answers.contains(sound_id_of(asked.port->body()));  // given to just this question
  if (status.code() == Code::overloaded) return asked.deliveries == 0;
  if (status.code() != Code::unavailable) return false;
  bool unknown = status.message().find("outcome is unknown") != std::string::npos;
  return unknown ? asked.submission : !asked.submission || asked.deliveries == 0;
}

inline void LinkSimulation::check_end() {
  bool held_back = sides_[0].node.link->gauges().draining || sides_[1].node.link->gauges().draining;
  if (held_back) {  // what is held back waits for its time
    clock_.advance_ms(1'000);
    for (Side& side : sides_) side.node.link->tick();
  }
  for (Side& side : sides_) {
    for (auto& [id, asked] : side.asked) {
      if (!rightly_answered(asked)) FAIL("question " << id << ": " << asked.port->answers() << " answers, or a wrong one");
      if (asked.port.use_count() != 1) FAIL("question " << id << " is still kept somewhere");
    }
    REQUIRE(side.node.kept_bytes() == 0);
    REQUIRE(side.node.link->gauges().kept_messages == 0);
    REQUIRE(side.node.in_flight_bytes() == 0);
  }
}

inline void LinkSimulation::count(const Side& side, Tally& tally) {
  const PeerLinkGauges& gauges = side.node.link->gauges();
  tally.overloaded += gauges.overloaded;
  tally.resent += gauges.resent_messages;
  tally.lost += gauges.lost_notices;
  tally.streamed += side.stream_at;
  for (const auto& [id, asked] : side.asked) {
    if (asked.port->answers() == 0) ++tally.unanswered;
    else if (asked.port->status().ok()) ++tally.answered;
    else if (asked.submission && asked.port->status().code() == Code::unavailable) ++tally.unknown;
  }
}

}  // namespace engram::test
