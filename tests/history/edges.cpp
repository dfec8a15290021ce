#include "tests/history/edges.h"

#include <algorithm>
#include <map>
#include <set>

namespace engram::history {
namespace {

constexpr auto never = std::numeric_limits<std::int64_t>::max();

std::string name(const EdgeName& edge) {
  return edge.source + " -" + edge.type + "/" + std::to_string(edge.rank) + "-> " + edge.target;
}

struct Life {
  const LinkChange* link = nullptr;
  const LinkChange* unlink = nullptr;
  std::int64_t there_ns = never;  // when it was there for certain: acknowledged, or seen
  std::int64_t gone_ns = never;   // when it was gone again for certain

  [[nodiscard]] bool can_go() const { return unlink != nullptr && unlink->ending != Ending::failed; }
};

class Checker {
 public:
  explicit Checker(const EdgeHistory& history) : history_(history) {}

  Anomalies run() {
    for (const LinkChange& change : history_.changes) note_change(change);
    check_end();
    for (const EdgeRead& read : history_.reads) note_sights(read);
    for (const EdgeRead& read : history_.reads) note_absences(read);
    for (const EdgeRead& read : history_.reads) check_sights(read);
    return std::move(anomalies_);
  }

 private:
  void complain(const char* kind, std::string text) { anomalies_.push_back({kind, std::move(text)}); }
  static std::string name_of_life(const Life& life) {
    std::string text = name(life.link->edge) + " (" + describe(*life.link) + ")";
    return life.unlink == nullptr ? text : text + ", unlinked (" + describe(*life.unlink) + ")";
  }

  void note_change(const LinkChange& change) {
    Life& life = lives_[change.edge];
    const LinkChange*& place = change.unlink ? life.unlink : life.link;
    if (place != nullptr || (change.unlink && life.link == nullptr))
      return complain("history", name(change.edge) + " is changed out of turn");
    place = &change;
    (change.unlink ? life.gone_ns : life.there_ns) = change.done_ns();
    if (!change.unlink) by_end_[{change.edge.source, false}].push_back(change.edge);
    if (!change.unlink) by_end_[{change.edge.target, true}].push_back(change.edge);
  }

  // --- The end

  void check_end() {
    std::set<EdgeName> out = once(history_.outgoing), in = once(history_.incoming);
    for (const auto& [edge, life] : lives_) {
      if (life.link == nullptr) continue;
      bool there = out.contains(edge) || in.contains(edge);
      bool gone = life.unlink != nullptr && life.unlink->ending == Ending::ok;
      if (there && (life.link->ending == Ending::failed || gone)) complain("aborted", name_of_life(life));
      if (!there && life.link->ending == Ending::ok && !life.can_go()) complain("lost", name_of_life(life));
    }
    check_ends(out, in, "source");
    check_ends(in, out, "target");
  }
  std::set<EdgeName> once(const std::vector<EdgeName>& edges) {
    std::set<EdgeName> seen;
    for (const EdgeName& edge : edges)
      if (!seen.insert(edge).second) complain("duplicate", name(edge));
    return seen;
  }
  void check_ends(const std::set<EdgeName>& one, const std::set<EdgeName>& other, const std::string& where) {
    for (const EdgeName& edge : one) {
      if (!other.contains(edge)) complain("one end", name(edge) + " is at its " + where + " only");
      if (!lives_.contains(edge)) complain("from nowhere", name(edge));
    }
  }

  // --- Reads on the way

  void note_sights(const EdgeRead& read) {
    for (const EdgeName& edge : once(read.edges)) {
      auto life = lives_.find(edge);
      if (life == lives_.end() || life->second.link == nullptr || life->second.link->began_ns > read.ended_ns)
        complain("from nowhere", name(edge) + " at " + read.vertex + " (" + describe(read) + ")");
      else if (life->second.link->ending == Ending::failed)
        complain("aborted", name_of_life(life->second) + " was read (" + describe(read) + ")");
      else
        life->second.there_ns = std::min(life->second.there_ns, read.ended_ns);
    }
  }

  /// Of an edge that was there before, and that may have been unlinked meanwhile.
  void note_absences(const EdgeRead& read) {
    std::set<EdgeName> seen(read.edges.begin(), read.edges.end());
    for (const EdgeName& edge : by_end_[{read.vertex, read.incoming}]) {
      Life& life = lives_.at(edge);
      if (seen.contains(edge) || life.there_ns >= read.began_ns) continue;
      if (life.can_go() && life.unlink->began_ns < read.ended_ns)
        life.gone_ns = std::min(life.gone_ns, read.ended_ns);
      else
        complain("stale", name_of_life(life) + " was there, and is missing at " + read.vertex + " (" + describe(read) + ")");
    }
  }

  void check_sights(const EdgeRead& read) {
    for (const EdgeName& edge : read.edges) {
      auto life = lives_.find(edge);
      if (life != lives_.end() && life->second.gone_ns < read.began_ns)
        complain("stale", name_of_life(life->second) + " was gone, and is seen at " + read.vertex + " (" + describe(read) +
                              ")");
    }
  }

  const EdgeHistory& history_;
  std::map<EdgeName, Life> lives_;
  std::map<std::pair<std::string, bool>, std::vector<EdgeName>> by_end_;  // vertex, incoming
  Anomalies anomalies_;
};

}  // namespace

Anomalies check_edges(const EdgeHistory& history) { return Checker(history).run(); }

}  // namespace engram::history
