#include "tests/support/state_text.h"

#include <map>
#include <set>
#include <sstream>

#include "storage/hot/properties.h"

namespace engram::test {
namespace {

std::string describe_properties(Bytes packed, const Dictionary& dictionary) {
  std::map<std::string, std::string> properties;
  NameId name;
  Bytes value;
  for (PropertyCursor cursor(packed); cursor.next(name, value);)
    properties[std::string(dictionary.name(name))] = std::string(as_text(value));
  std::ostringstream out;
  for (const auto& [key, bytes] : properties) {
    out << ' ' << key << '=';
    for (char c : bytes) out << static_cast<int>(c) << '.';
  }
  return out.str();
}

void describe_vertex(PartitionCore& core, SpaceId space, LocalId id, std::ostringstream& out) {
  Graph& graph = core.graph();
  if (graph.vertex_with(id, Side::out) == nullptr || graph.vertex_with(id, Side::in) == nullptr) {
    out << "  " << id.value << " is missing\n";
    return;
  }
  const HotVertex& hot = *graph.hot().peek(id);
  VertexHead head = parse_head(hot.head.bytes()).value();
  LocalId found;
  bool by_key = graph.find_key(space, head.key, found) == Presence::present && found == id;
  out << "  " << id.value << ' ' << head.key << (by_key ? "" : " not found by its key") << ' ' << head.created_ns << ' '
      << head.changed_ns << ' ' << head.version;
  std::set<std::string_view> labels;
  for (NameId label : head.labels()) labels.insert(graph.dictionary().name(label));
  for (std::string_view label : labels) out << " :" << label;
  out << describe_properties(head.properties, graph.dictionary()) << '\n';
  for (Side side : {Side::out, Side::in}) {
    EdgeEntry entry;
    for (auto cursor = hot.edges(side).begin(); cursor.next(entry);) {
      out << "    " << (side == Side::out ? "-> " : "<- ") << graph.dictionary().name(entry.slot.type) << ' '
          << entry.slot.neighbour.value << ' ' << entry.slot.rank << ' ' << entry.weight;
      if (side == Side::out)
        out << ' ' << entry.created_ns << ' ' << entry.changed_ns << ' ' << entry.version
            << describe_properties(entry.properties, graph.dictionary());
      out << '\n';
    }
  }
}

}  // namespace

std::string describe(PartitionCore& core) {
  std::ostringstream out;
  Graph& graph = core.graph();
  out << "applied " << core.applied().value << ", next id " << graph.next_local().value << ", waiting "
      << core.waiting() << ", sessions " << core.sessions().size() << '\n';
  std::set<std::string> transactions;
  auto name = [](const char* what, const TransactionKey& key) {
    return std::string(what) + std::to_string(key.coordinator.value) + "/" + std::to_string(key.number);
  };
  for (const TransactionKey& key : core.in_doubt()) transactions.insert(name("in doubt ", key));
  for (const auto& decision : core.decisions()) transactions.insert(name("decided ", decision.transaction));
  for (const TransactionKey& key : core.pending_deletes()) transactions.insert(name("deletes ", key));
  for (const std::string& transaction : transactions) out << transaction << '\n';
  if (core.locked()) out << "locked\n";
  for (SpaceId id : graph.spaces().all()) {
    const Space& space = *graph.spaces().find_even_dropped(id);
    out << "space " << space.name << (space.dropped ? " dropped " : " ") << space.counts.vertices << ' '
        << space.counts.edges << ' ' << space.counts.bytes << " quota " << space.quota.vertices << ' '
        << space.quota.edges << '\n';
    std::map<std::string_view, std::uint64_t> counts;
    for (auto [type, count] : space.counts.types) counts[graph.dictionary().name(type)] = count;
    for (auto [label, count] : graph.postings().labels(id))
      if (label != Postings::all) counts[graph.dictionary().name(label)] += count << 32;
    for (auto [what, count] : counts) out << "  " << what << ": " << count << '\n';
    for (const DeclaredIndex& index : space.indexes)
      out << "  index " << index.number.value << " on " << graph.dictionary().name(index.label) << '.'
          << graph.dictionary().name(index.property) << '\n';
    graph.postings().for_each_from(id, Postings::all, LocalId{0}, [&](LocalId vertex) {
      describe_vertex(core, id, vertex, out);
      return true;
    });
  }
  return out.str();
}

}  // namespace engram::test
