// The counts of a space, added up over its partitions by name.

#include <map>
#include <set>

#include "actors/query/round_query.h"

namespace engram {
namespace {

using Counts = std::map<std::string, std::uint64_t, std::less<>>;
using Indexes = std::set<std::pair<std::string, std::string>>;  // label and property
using NamedCounts = capnp::List<schema::StatisticsReply::NamedCount>;

void add(Counts& counts, NamedCounts::Reader more) {
  for (auto one : more) counts[std::string(text_of(one.getName()))] += one.getCount();
}

void write(const Counts& counts, NamedCounts::Builder list) {
  unsigned at = 0;
  for (const auto& [name, count] : counts) {
    list[at].setName(whole_text(name));
    list[at++].setCount(count);
  }
}

void add(Indexes& indexes, capnp::List<schema::Index>::Reader more) {
  for (auto one : more) indexes.emplace(text_of(one.getLabel()), text_of(one.getProperty()));
}

void write(const Indexes& indexes, capnp::List<schema::Index>::Builder list) {
  unsigned at = 0;
  for (const auto& [label, property] : indexes) {
    list[at].setLabel(whole_text(label));
    list[at++].setProperty(whole_text(property));
  }
}

class StatisticsQuery final : public ReplyQuery<schema::StatisticsReply> {
 public:
  using ReplyQuery::ReplyQuery;

  void start(QueryHost& host) override {
    partitions_ = partitions_of_space();
    for (PartitionId partition : partitions_)
      ask(partition, [](schema::Request::Builder builder) { builder.setStatistics(); });
    gather(host, [this](QueryHost& to) { reply(to); });
  }

 private:
  void reply(QueryHost& host) {
    Counts labels, types;
    Indexes building;
    std::uint64_t vertices = 0, edges = 0, bytes = 0;
    std::size_t home = 0;  // the one that knows best what the space is
    for (std::size_t i = 0; i < answers(); ++i) {
      auto part = answer(i).getStatistics();
      add(labels, part.getLabels());
      add(types, part.getTypes());
      add(building, part.getBuilding());
      vertices += part.getSpace().getVertices();
      edges += part.getSpace().getEdges();
      bytes += part.getSpace().getBytes();
      if (partitions_[i] == context_.space.home) home = i;
    }
    finish(host, Frame::build<schema::StatisticsReply>([&](schema::StatisticsReply::Builder builder) {
             auto authority = answer(home).getStatistics();
             builder.setSpace(authority.getSpace());
             builder.getSpace().setVertices(vertices);
             builder.getSpace().setEdges(edges);
             builder.getSpace().setBytes(bytes);
             builder.setIndexes(authority.getIndexes());
             write(building, builder.initBuilding(static_cast<unsigned>(building.size())));
             write(labels, builder.initLabels(static_cast<unsigned>(labels.size())));
             write(types, builder.initTypes(static_cast<unsigned>(types.size())));
           }));
  }

  std::vector<PartitionId> partitions_;
};

}  // namespace

std::unique_ptr<Query> make_statistics(const QueryContext& context) {
  return std::make_unique<StatisticsQuery>(context);
}

}  // namespace engram
