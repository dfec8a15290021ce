// Messages as released versions send them (tests/golden/messages), given to a link of this version: partitions get what was said.

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "actors/partition/command_check.h"
#include "cluster/peers/network_hello.h"
#include "tests/cluster/peers/link_script.h"

using namespace engram;
using namespace engram::test;

namespace {

const std::filesystem::path folder = ENGRAM_GOLDEN_MESSAGES;
const TransactionKey transaction{PartitionId{3}, 9223372036854775815u, 1700000000000000001};

PacketBytes bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::filesystem::path> folders() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_directory() && std::filesystem::exists(entry.path() / "hello.PeerHello.bin")) all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

class Taker final : public PeerLinkHost {
 public:
  Taker() { link->up(1); }
  void transmit(std::uint64_t, PacketBytes) override {}
  void deliver(PartitionId to, Mail one) override {
    CHECK(to == PartitionId{1});
    mail.push_back(std::move(one));
  }
  void told(const NodeStatus& one) override { status = one; }
  void drop(std::uint64_t, const Status& why) override { FAIL(why.message()); }

  void take(const std::filesystem::path& path) {
    INFO(path);
    link->receive(1, bytes_of(path));
  }

  ManualClock clock;
  TestMap map;
  std::vector<Mail> mail;
  std::optional<NodeStatus> status;
  std::unique_ptr<PeerLink> link = PeerLink::make({}, map, *this, clock);
};

schema::Request::Reader request_in(const Mail& mail) { return std::get<RequestMail>(mail).request.read<schema::Request>(); }

void check_questions(Taker& taker) {
  auto& get = std::get<RequestMail>(taker.mail.at(0));
  auto vertices = request_in(taker.mail[0]).getGet().getVertices();
  REQUIRE(vertices.size() == 2);
  CHECK(vertices[0].getKey() == "a");
  CHECK(vertices[1].getId() == 281474976710657);
  CHECK(get.request_number == RequestNumber{99});
  CHECK(get.deadline_ns == taker.clock.monotonic_ns() + 5'000'000'000);
  CHECK_FALSE(get.port->cancelled());

  auto hop = request_in(taker.mail.at(1)).getHop();
  CHECK(hop.getFrontier().size() == 2);
  CHECK(hop.getExpand());
  CHECK(hop.getHop().getDirection() == schema::Direction::BOTH);
  CHECK(hop.getHop().getEdges().getTypes()[0] == "knows");
  CHECK(hop.getHop().getLimitPerVertex() == 9);
  CHECK(std::get<RequestMail>(taker.mail[1]).from == PartitionId{2});
}

void check_submission(const Mail& mail) {
  const auto& submit = std::get<SubmitMail>(mail);
  CHECK(submit.request_number == RequestNumber{100});
  REQUIRE(check_command(submit.command.bytes(), CommandKind::batch, CommandLimits()).ok());
  CommandView view(submit.command);
  auto command = view.root();
  CHECK(command.getSession() == 11);
  CHECK(command.getSequence() == 5);
  CHECK(command.getFirstIncomplete() == 4);
  auto operations = command.getBatch().getOperations();
  REQUIRE(operations.size() == 3);
  CHECK(operations[0].getPutVertex().getProperties()[0].getValue().getInt64() == 41);
  CHECK(operations[1].getPutEdge().getEdge().getRank() == -3);
  CHECK(operations[1].getPutEdge().getWeight() == 0.5);
  CHECK(operations[2].getDeleteVertex().getIfExists());
}

void check_transaction(const Taker& taker) {
  auto command = [&](std::size_t at, const auto& check) {
    CommandView view(std::get<PeerCommandMail>(taker.mail.at(at)).command);
    check(view.root());
  };
  command(3, [](schema::Command::Reader root) {
    CHECK(TransactionKey::read(root.getPrepare().getTransaction()) == transaction);
    CHECK(root.getPrepare().getBatch().getOperations()[0].getPutEdge().getWeight() == 1.0);
    CHECK(root.getPrepare().getBatch().getOperationPlaces()[0] == 7);
  });
  command(4, [](schema::Command::Reader root) {
    CHECK(root.getPrepare().getUnlinkKey() == "c");
    CHECK(root.getPrepare().getUnlink()[0].getIncoming());
    CHECK(root.getPrepare().getUnlink()[0].getRank() == 2);
  });
  command(5, [](schema::Command::Reader root) { CHECK(root.getDecide().getCommitted()); });
  command(6, [](schema::Command::Reader root) { CHECK_FALSE(root.getDecide().getCommitted()); });
  auto vote = request_in(taker.mail.at(7)).getVote();
  CHECK(TransactionKey::read(vote.getTransaction()) == transaction);
  CHECK(vote.getParticipant() == 1);
  CHECK(read_error(vote.getError()).code() == Code::conflict);
  CHECK(vote.getDeleted() == 4);
  CHECK(request_in(taker.mail.at(8)).getAcknowledge().getParticipant() == 1);
  CHECK(TransactionKey::read(request_in(taker.mail.at(9)).getAskOutcome()) == transaction);
}

}  // namespace

TEST_CASE("what earlier versions send is what partitions get") {
  REQUIRE(folders().size() >= 2);
  for (const std::filesystem::path& version : folders()) {
    INFO(version);
    Taker taker;
    std::vector<AskingPortPtr> asked;
    for (int i = 0; i < 3; ++i) asked.push_back(std::make_shared<AskingPort>());
    taker.link->send({1}, RequestMail{question_frame(1), asked[0], PartitionId{0}});
    taker.link->send({1}, SubmitMail{submission_bytes(2, 10, 5), asked[1], 0});
    taker.link->send({1}, RequestMail{question_frame(3), asked[2], PartitionId{0}});

    std::vector<std::filesystem::path> parts;
    for (const auto& entry : std::filesystem::directory_iterator(version))
      if (std::isdigit(entry.path().filename().string()[0]) && entry.path().extension() == ".bin") parts.push_back(entry.path());
    std::sort(parts.begin(), parts.end());
    for (const std::filesystem::path& part : parts) taker.take(part);
    REQUIRE(taker.mail.size() == 10);
    check_questions(taker);
    check_submission(taker.mail.at(2));
    check_transaction(taker);

    for (const AskingPortPtr& port : asked) REQUIRE(port->answers() == 1);
    CHECK(asked[0]->status().ok());
    CHECK(asked[1]->is_outcome());
    CHECK(asked[2]->status().code() == Code::overloaded);

    taker.take(version / "taken.PeerPacket.bin");
    taker.take(version / "cancel.PeerPacket.bin");
    CHECK(std::get<RequestMail>(taker.mail[0]).port->cancelled());
    CHECK_FALSE(taker.link->gauges().draining);
    taker.take(version / "draining.PeerPacket.bin");
    CHECK(taker.link->gauges().draining);
    if (!std::filesystem::exists(version / "status.PeerPacket.bin")) continue;
    taker.take(version / "status.PeerPacket.bin");
    REQUIRE(taker.status);
    CHECK(taker.status->phase == "ready");
    CHECK(taker.status->queue() == 3 + 4);
    CHECK(taker.status->partitions.at(0).applied_lsn == 70);
  }
}

TEST_CASE("earlier versions are greeted") {
  for (const std::filesystem::path& version : folders()) {
    INFO(version);
    auto words = [](const PacketBytes& bytes) {
      auto array = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
      std::memcpy(array.begin(), bytes.data(), bytes.size());
      return array;
    };
    auto hello = parse_hello(words(bytes_of(version / "hello.PeerHello.bin")));
    REQUIRE(hello.ok());
    CHECK(hello->self.name == "engram");
    CHECK(hello->self.version == version.filename());
    CHECK(hello->self.ordinal == 1);
    CHECK(hello->self.nodes == 3);
    CHECK(hello->self.partitions == 16);
    CHECK(hello->self.incarnation == Incarnation{4, 77});
    CHECK(hello->connection == 4711);
    CHECK(hello->self.knows_level() == (version.filename() == "0.1.0" ? 1 : 2));
    Status verdict;
    REQUIRE(parse_verdict(words(bytes_of(version / "verdict.PeerVerdict.bin")), verdict).ok());
    CHECK(verdict.code() == Code::conflict);
  }
}
