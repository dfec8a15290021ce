// The bytes that a Batch makes are what the engine logs: one segment, every field where the schema says.

#include <catch2/catch.hpp>

#include <capnp/serialize.h>

#include "client/batch_impl.h"
#include "client/convert.h"

namespace engram::client {

namespace {

struct Decoded {
  explicit Decoded(Batch& batch, CommandHeader header = {11, 3, 2, {42}})
      : words(batch.impl().encode(header)), message(words), command(message.getRoot<schema::Command>()) {}
  [[nodiscard]] unsigned segments() const { return *reinterpret_cast<const std::uint32_t*>(words.begin()) + 1; }
  EncodedCommand words;
  capnp::FlatArrayMessageReader message;
  schema::Command::Reader command;
};

}  // namespace

TEST_CASE("a batch carries its header and its operations in order") {
  Batch batch(3);
  batch.put_vertex("ada", {.labels = {"Person"}, .properties = {{"born", 1815}, {"name", "Ada"}}})
      .link("ada", "KNOWS", "charles", {.rank = 7, .weight = 0.5, .create_missing = true})
      .delete_vertex("bob", true);
  Decoded decoded(batch);
  CHECK(decoded.segments() == 1);
  CHECK(decoded.command.getSession() == 11);
  CHECK(decoded.command.getSequence() == 3);
  CHECK(decoded.command.getFirstIncomplete() == 2);
  CHECK(decoded.command.getSpace() == 42);
  auto operations = decoded.command.getBatch().getOperations();
  REQUIRE(operations.size() == 3);
  CHECK(operations[0].getPutVertex().getProperties()[0].getValue().getInt64() == 1815);
  CHECK(operations[1].getPutEdge().getEdge().getRank() == 7);
  CHECK(operations[1].getPutEdge().getEdge().getTarget() == "charles"_kj);
  CHECK(operations[1].getPutEdge().getWeight() == 0.5);
  CHECK(operations[1].getPutEdge().getCreateMissing());
  CHECK(operations[2].getDeleteVertex().getIfExists());
}

TEST_CASE("the keys of an operation can be asked for") {
  Batch batch;
  batch.put_vertex("ada").link("ada", "KNOWS", "charles").delete_vertex("bob").unlink({"x", "T", "y", 1});
  CHECK(batch.keys_of(0) == std::vector<std::string>{"ada"});
  CHECK(batch.keys_of(1) == std::vector<std::string>{"ada", "charles"});
  CHECK(batch.keys_of(2) == std::vector<std::string>{"bob"});
  CHECK(batch.keys_of(3) == std::vector<std::string>{"x", "y"});
}

TEST_CASE("a batch may hold more or fewer operations than were expected") {
  for (std::size_t expected : {1U, 16U, 5000U}) {
    for (int count : {1, 2, 17, 3000}) {
      Batch batch(expected);
      for (int i = 0; i < count; ++i) batch.link("vertex " + std::to_string(i), "T", "target " + std::to_string(i));
      Decoded decoded(batch);
      INFO(expected << " expected, " << count << " made");
      REQUIRE(decoded.segments() == 1);
      auto operations = decoded.command.getBatch().getOperations();
      REQUIRE(operations.size() == static_cast<unsigned>(count));
      for (int i = 0; i < count; ++i)
        REQUIRE(operations[i].getPutEdge().getEdge().getSource() == ("vertex " + std::to_string(i)).c_str());
      // What was outgrown is not sent: at most 24 words an edge of this kind.
      CHECK(decoded.words.size() < static_cast<std::size_t>(count) * 24 + 32);
    }
  }
}

TEST_CASE("a sealed batch can be encoded again under another number") {
  Batch batch(4);
  batch.put_vertex("ada");
  Decoded first(batch, {11, 3, 3, {}}), second(batch, {11, 4, 3, {}});
  CHECK(first.command.getSequence() == 3);
  CHECK(second.command.getSequence() == 4);
  CHECK(second.command.getBatch().getOperations()[0].getPutVertex().getKey() == "ada"_kj);
}

TEST_CASE("preconditions of every kind, and more of them than fit at first") {
  Batch batch(1);
  batch.put_vertex("ada");
  batch.require_vertex("a").require_no_vertex("b").require_vertex_version("c", 9);
  batch.require_vertex_property("d", {"age", 36}).require_edge({"a", "T", "b", 1}).require_no_edge({"a", "T", "c", 0});
  batch.require_edge_version({"a", "T", "d", 0}, 5).require_edge_property({"a", "T", "e", 0}, {"x", {}});
  Decoded decoded(batch);
  auto preconditions = decoded.command.getBatch().getPreconditions();
  REQUIRE(preconditions.size() == 8);
  CHECK(preconditions[0].isExists());
  CHECK(preconditions[0].getSubject().getVertex() == "a"_kj);
  CHECK(preconditions[1].isAbsent());
  CHECK(preconditions[2].getVersionEquals() == 9);
  CHECK(preconditions[3].getPropertyEquals().getValue().getInt64() == 36);
  CHECK(preconditions[4].getSubject().getEdge().getRank() == 1);
  CHECK(preconditions[5].isAbsent());
  CHECK(preconditions[6].getVersionEquals() == 5);
  CHECK(preconditions[7].getPropertyEquals().getValue().isNull());
}

TEST_CASE("values of every kind come back as they went") {
  const std::vector<Value> values = {
      {},      true, std::int64_t{-5}, 2.5, "text with \xC3\xA9", Blob{std::string("\0\1", 2)}, Timestamp{1700000000000000000},
      Vector{0.5F, -1.0F}, List{Value(1), Value("two"), Value(List{Value(3.0)})}};
  for (const auto& value : values) {
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::Value>();
    write(value, root);
    CHECK(read(root.asReader()) == value);
  }
}

}  // namespace engram::client
