#pragma once
// Two links in one thread, a wire between them that the test moves by hand, and mail whose content can be checked.

#include <catch2/catch.hpp>

#include <charconv>
#include <deque>

#include "actors/partition/core/outcome.h"
#include "actors/partition/core/partition_core.h"
#include "cluster/peers/link.h"
#include "schema/peer.capnp.h"
#include "tests/support/manual_clock.h"

namespace engram::test {

// --- mail ---------------------------------------------------------------------------------------------------------------

/// A text that names `id` and is different in every place for every id, so that a mixed-up part is seen.
inline std::string body_of(std::uint64_t id, std::size_t size) {
  std::string text = std::to_string(id) + ":";
  std::size_t at = text.size();
  if (at < size) text.resize(size);
  for (std::uint64_t letter = id * 7; at < size; ++at, ++letter)
    text[at] = static_cast<char>('a' + (letter + at / 251) % 26);
  return text;
}
inline std::uint64_t id_of(std::string_view body) {
  std::uint64_t id = 0;
  std::from_chars(body.data(), body.data() + body.size(), id);
  return id;
}
/// The id of a body that came whole; 0 if it did not.
inline std::uint64_t sound_id_of(std::string_view body) {
  std::uint64_t id = id_of(body);
  return body_of(id, body.size()) == body ? id : 0;
}

inline Frame question_frame(std::uint64_t id, std::size_t size = 0, std::int64_t deadline_ns = 0) {
  return Frame::build<schema::Request>([&](schema::Request::Builder out) {
    out.setDeadlineNs(deadline_ns);
    out.setFindSpace(body_of(id, size).c_str());
  });
}
inline Frame answer_frame(std::uint64_t id, std::size_t size = 0) {
  return Frame::build<schema::Answer>(
      [&](schema::Answer::Builder out) { out.initFindSpace().setName(body_of(id, size).c_str()); });
}
inline RequestMail notice(std::uint64_t id, std::size_t size = 0) {
  std::string body = body_of(id, size);
  return {Frame::build<schema::Request>([&](schema::Request::Builder out) {
            auto vote = out.initVote();
            vote.setResolved({reinterpret_cast<const kj::byte*>(body.data()), body.size()});
          }),
          nullptr, PartitionId{0}};
}
inline PeerCommandMail command(std::uint64_t id, std::size_t size = 0) {
  std::string body = body_of(id, size);
  capnp::MallocMessageBuilder message;
  auto prepare = message.initRoot<schema::Command>().initPrepare();
  prepare.setResolved({reinterpret_cast<const kj::byte*>(body.data()), body.size()});
  return {CommandBytes::of(message)};
}
inline CommandBytes submission_bytes(std::uint64_t id, std::size_t size, std::uint64_t session) {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<schema::Command>();
  root.setSession(session);
  root.setSequence(id);
  root.initCreateSpace().setName(body_of(id, size).c_str());
  return CommandBytes::of(message);
}

/// Who asks: notes what it was answered.
class AskingPort final : public ReplyPort {
 public:
  void reply(Frame frame) override { answers_.push_back(std::move(frame)); }
  [[nodiscard]] bool cancelled() const override { return cancelled_; }
  void cancel() { cancelled_ = true; }

  [[nodiscard]] std::size_t answers() const { return answers_.size(); }
  /// Of the last answer, wherever it says so.
  [[nodiscard]] Status status() const {
    auto answer = answers_.back().read<schema::Answer>();
    return read_error(answer.isOutcome() ? answer.getOutcome().getError() : answer.getError());
  }
  [[nodiscard]] bool is_outcome() const { return answers_.back().read<schema::Answer>().isOutcome(); }
  [[nodiscard]] std::string body() const {
    return answers_.back().read<schema::Answer>().getFindSpace().getName().cStr();
  }

 private:
  std::vector<Frame> answers_;
  bool cancelled_ = false;
};
using AskingPortPtr = std::shared_ptr<AskingPort>;

enum class Kind { question, notice, submission, command };

/// Mail as it came to a partition.
struct Delivered {
  PartitionId to;
  PartitionId from;
  Kind kind = Kind::question;
  std::uint64_t id = 0;  // 0: its content is not what was sent
  std::size_t size = 0;
  ReplyPortPtr port;
  std::int64_t deadline_ns = 0;
  std::uint64_t request = 0;
};

inline std::string_view text_of(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

inline Delivered delivered(PartitionId to, Mail mail) {
  Delivered one;
  one.to = to;
  auto take = [&](Kind kind, std::string_view body) {
    one.kind = kind;
    one.id = sound_id_of(body);
    one.size = body.size();
  };
  if (auto* request = std::get_if<RequestMail>(&mail)) {
    one.port = request->port;
    one.from = request->from;
    one.deadline_ns = request->deadline_ns;
    one.request = request->request_number.value;
    auto root = request->request.read<schema::Request>();
    if (root.isVote()) {
      take(Kind::notice, text_of(root.getVote().getResolved()));
    } else if (root.isFindSpace()) {
      take(Kind::question, root.getFindSpace().cStr());
    }
  } else if (auto* submit = std::get_if<SubmitMail>(&mail)) {
    take(Kind::submission, CommandView(submit->command).root().getCreateSpace().getName().cStr());
    one.port = submit->port;
    one.deadline_ns = submit->deadline_ns;
    one.request = submit->request_number.value;
  } else {
    auto& logged = std::get<PeerCommandMail>(mail);
    one.request = logged.request_number.value;
    take(Kind::command, text_of(CommandView(logged.command).root().getPrepare().getResolved()));
  }
  return one;
}

// --- nodes --------------------------------------------------------------------------------------------------------------

/// A map whose epochs a test can change.
class TestMap final : public PartitionMap {
 public:
  [[nodiscard]] std::uint32_t nodes() const override { return 2; }
  [[nodiscard]] std::uint32_t partitions() const override { return 8; }
  [[nodiscard]] std::uint32_t owner(PartitionId partition) const override { return partition.value % 2; }
  [[nodiscard]] std::uint32_t epoch(PartitionId) const override { return epoch_; }
  void set_epoch(std::uint32_t epoch) { epoch_ = epoch; }

 private:
  std::uint32_t epoch_ = 1;
};

/// One side: its link, the packets that it has transmitted, and the mail that came for its partitions.
class LinkNode final : public PeerLinkHost {
 public:
  struct Packet {
    std::uint64_t connection = 0;
    PacketBytes bytes;
  };
  LinkNode(const PeerLinkOptions& options, const Clock& clock) : link(PeerLink::make(options, map, *this, clock)) {}

  void transmit(std::uint64_t connection, PacketBytes packet) override {
    if (keep_packets) sent.push_back({connection, std::move(packet)});
  }
  void deliver(PartitionId to, Mail one) override {
    if (!read_mail) return;
    mail.push_back(delivered(to, std::move(one)));
    if (on_mail) on_mail(mail.back());
  }
  void told(const NodeStatus& status) override { statuses.push_back(status); }
  void drop(std::uint64_t connection, const Status& why) override { dropped.push_back(why); }

  AskingPortPtr ask(std::uint64_t id, std::size_t size = 0, std::int64_t deadline_ns = 0) {
    auto port = std::make_shared<AskingPort>();
    link->send({1}, RequestMail{question_frame(id, size, deadline_ns), port, PartitionId{2}});
    return port;
  }
  AskingPortPtr submit(std::uint64_t id, std::uint64_t session, std::size_t size = 0, std::int64_t deadline_ns = 0) {
    auto port = std::make_shared<AskingPort>();
    link->send({1}, SubmitMail{submission_bytes(id, size, session), port, deadline_ns});
    return port;
  }
  [[nodiscard]] std::vector<std::uint64_t> ids() const {
    std::vector<std::uint64_t> ids;
    for (const Delivered& one : mail) ids.push_back(one.id);
    return ids;
  }
  [[nodiscard]] std::uint64_t kept_bytes() const { return link->gauges().kept_bytes; }
  [[nodiscard]] std::uint64_t in_flight_bytes() const { return link->gauges().in_flight_bytes; }

  TestMap map;
  std::deque<Packet> sent;
  std::deque<Delivered> mail;
  std::vector<Status> dropped;
  std::vector<NodeStatus> statuses;
  std::function<void(Delivered&)> on_mail;
  bool keep_packets = true;
  bool read_mail = true;
  std::unique_ptr<PeerLink> link;
};

/// Two nodes, each the other's peer.
class LinkPair {
 public:
  explicit LinkPair(const PeerLinkOptions& options = {}) : left(options, clock), right(options, clock) {}

  void connect(std::uint64_t connection) {
    left.link->up(connection);
    right.link->up(connection);
  }
  /// Both hear of it; what was under way is lost.
  void cut(std::uint64_t connection) {
    left.sent.clear();
    right.sent.clear();
    left.link->down(connection);
    right.link->down(connection);
  }
  static bool move_one(LinkNode& from, LinkNode& to) {
    if (from.sent.empty()) return false;
    LinkNode::Packet packet = std::move(from.sent.front());
    from.sent.pop_front();
    to.link->receive(packet.connection, packet.bytes);
    return true;
  }
  /// Until nothing is under way.
  void run() {
    while (move_one(left, right) || move_one(right, left)) {}
  }
  void tick() {
    left.link->tick();
    right.link->tick();
    run();
  }

  ManualClock clock;
  LinkNode left, right;
};

/// What a packet says, as its reader sees it.
class PacketView {
 public:
  explicit PacketView(const PacketBytes& packet)
      : reader_(kj::arrayPtr(reinterpret_cast<const capnp::word*>(packet.data()), packet.size() / sizeof(capnp::word))) {}
  schema::PeerPacket::Reader root() { return reader_.getRoot<schema::PeerPacket>(); }

 private:
  capnp::FlatArrayMessageReader reader_;
};

}  // namespace engram::test
