#include "tests/history/list_append.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "tests/history/cycles.h"

namespace engram::history {
namespace {

using Elements = std::vector<Element>;

std::string text_of(const Elements& list) {
  constexpr std::size_t most = 12;
  std::string text = list.size() > most ? "[.." : "[";
  for (std::size_t i = list.size() > most ? list.size() - most : 0; i < list.size(); ++i)
    text += " " + std::to_string(list[i]);
  return text + " ] of " + std::to_string(list.size());
}

/// A list as somebody saw it.
struct Sight {
  std::size_t by;  // transaction
  std::uint64_t version;
  Elements list;
};

struct Writer {
  std::size_t by;  // transaction
  bool last;       // of what this transaction appends to this list
};

struct ListHistory {
  std::vector<Sight> sights;
  std::unordered_map<Element, Writer> writers;
  Elements order;  // the longest that was seen
};

class Checker {
 public:
  explicit Checker(const std::vector<ListTransaction>& history) : history_(history), effective_(history.size()) {}

  Anomalies run() {
    gather_writers();
    gather_sights();
    for (auto& [key, list] : lists_) {
      check_elements(key, list);
      check_order(key, list);
      check_versions(key, list);
      check_lost(key, list);
    }
    // Where lists contradict each other there is no order to draw edges from.
    if (anomalies_.empty()) check_cycles();
    return std::move(anomalies_);
  }

 private:
  void complain(const char* kind, std::string text) { anomalies_.push_back({kind, std::move(text)}); }
  [[nodiscard]] std::string name(std::size_t transaction) const {
    const ListTransaction& one = history_[transaction];
    std::string text = "(" + describe(one) + ":";
    for (const ListAccess& access : one.lists)
      text += " " + access.key + (access.appended.empty() ? " read " + text_of(access.read)
                                                          : " append " + text_of(access.appended));
    return text + ")";
  }

  void gather_writers() {
    for (std::size_t i = 0; i < history_.size(); ++i)
      for (const ListAccess& access : history_[i].lists)
        for (Element element : access.appended)
          if (!lists_[access.key].writers.emplace(element, Writer{i, element == access.appended.back()}).second)
            complain("history", "the element " + std::to_string(element) + " is appended twice to " + access.key);
  }

  /// What was answered; and what an append without an answer saw and wrote, if anybody saw that it had happened.
  void gather_sights() {
    std::set<std::pair<std::string, Element>> seen;
    for (std::size_t i = 0; i < history_.size(); ++i) {
      effective_[i] = history_[i].ending == Ending::ok;
      if (!effective_[i]) continue;
      for (const ListAccess& access : history_[i].lists)
        for (Element element : access.read) seen.emplace(access.key, element);
    }
    bool more = true;
    while (more) {  // such an append shows that those before it happened as well
      more = false;
      for (std::size_t i = 0; i < history_.size(); ++i) {
        if (effective_[i] || history_[i].ending != Ending::unknown || !is_seen(history_[i], seen)) continue;
        effective_[i] = more = true;
        for (const ListAccess& access : history_[i].lists)
          for (Element element : access.read) seen.emplace(access.key, element);
      }
    }
    for (std::size_t i = 0; i < history_.size(); ++i)
      if (effective_[i])
        for (const ListAccess& access : history_[i].lists) add_sights(i, access);
  }
  static bool is_seen(const ListTransaction& transaction, const std::set<std::pair<std::string, Element>>& seen) {
    for (const ListAccess& access : transaction.lists)
      for (Element element : access.appended)
        if (seen.contains({access.key, element})) return true;
    return false;
  }
  void add_sights(std::size_t transaction, const ListAccess& access) {
    ListHistory& list = lists_[access.key];
    list.sights.push_back({transaction, access.version, access.read});
    if (access.appended.empty()) return;
    Elements longer = access.read;
    longer.insert(longer.end(), access.appended.begin(), access.appended.end());
    list.sights.push_back({transaction, access.written_version.value_or(0), std::move(longer)});
  }

  void check_elements(const std::string& key, const ListHistory& list) {
    for (const Sight& sight : list.sights) {
      std::set<Element> once;
      for (Element element : sight.list) {
        auto writer = list.writers.find(element);
        if (!once.insert(element).second)
          complain("duplicate", std::to_string(element) + " twice in " + key + " by " + name(sight.by));
        else if (writer == list.writers.end())
          complain("from nowhere", std::to_string(element) + " in " + key + " by " + name(sight.by));
        else if (history_[writer->second.by].ending == Ending::failed)
          complain("aborted", std::to_string(element) + " in " + key + " by " + name(sight.by) + " of " +
                                  name(writer->second.by));
      }
      if (sight.list.empty()) continue;
      auto last = list.writers.find(sight.list.back());
      if (last != list.writers.end() && !last->second.last)
        complain("intermediate", key + " ends with " + std::to_string(sight.list.back()) + " by " + name(sight.by));
    }
  }

  void check_order(const std::string& key, ListHistory& list) {
    const Sight* longest = nullptr;
    for (const Sight& sight : list.sights)
      if (longest == nullptr || sight.list.size() > longest->list.size()) longest = &sight;
    if (longest == nullptr) return;
    list.order = longest->list;
    for (const Sight& sight : list.sights)
      if (!std::equal(sight.list.begin(), sight.list.end(), list.order.begin()))
        complain("order", key + ": " + text_of(sight.list) + " by " + name(sight.by) + ", and " + text_of(list.order) +
                              " by " + name(longest->by));
  }

  void check_versions(const std::string& key, const ListHistory& list) {
    std::vector<const Sight*> sights;
    for (const Sight& sight : list.sights)
      if (sight.version != 0 || sight.list.empty()) sights.push_back(&sight);
    auto size_of = [](const Sight* sight) { return std::make_pair(sight->version, sight->list.size()); };
    std::sort(sights.begin(), sights.end(), [&](auto* a, auto* b) { return size_of(a) < size_of(b); });
    for (std::size_t i = 1; i < sights.size(); ++i) {
      const Sight &low = *sights[i - 1], &high = *sights[i];
      bool same = low.version == high.version;
      if (same ? low.list == high.list : low.list.size() < high.list.size()) continue;
      complain("version", key + " at " + std::to_string(low.version) + ": " + text_of(low.list) + " by " + name(low.by) +
                              ", at " + std::to_string(high.version) + ": " + text_of(high.list) + " by " + name(high.by));
    }
  }

  void check_lost(const std::string& key, const ListHistory& list) {
    std::vector<const Sight*> by_time;
    for (const Sight& sight : list.sights)
      if (history_[sight.by].ending == Ending::ok) by_time.push_back(&sight);
    std::sort(by_time.begin(), by_time.end(),
              [&](auto* a, auto* b) { return history_[a->by].began_ns < history_[b->by].began_ns; });
    for (const auto& [element, writer] : list.writers) {
      if (history_[writer.by].ending != Ending::ok) continue;
      auto later = std::partition_point(by_time.begin(), by_time.end(), [&](const Sight* sight) {
        return history_[sight->by].began_ns <= history_[writer.by].ended_ns;
      });
      for (; later != by_time.end(); ++later) {
        const Elements& seen = (*later)->list;
        if (std::find(seen.begin(), seen.end(), element) != seen.end()) continue;
        complain("lost", std::to_string(element) + " of " + name(writer.by) + " is missing in " + key + ": " +
                             text_of(seen) + " by " + name((*later)->by));
        break;
      }
    }
  }

  void check_cycles() {
    OrderGraph graph;
    for (const auto& [key, list] : lists_) {
      for (std::size_t i = 1; i < list.order.size(); ++i)
        graph.add(writer_of(list, i - 1), writer_of(list, i), Why::ww);
      for (const Sight& sight : list.sights) {
        if (!sight.list.empty()) graph.add(writer_of(list, sight.list.size() - 1), sight.by, Why::wr);
        if (sight.list.size() < list.order.size()) graph.add(sight.by, writer_of(list, sight.list.size()), Why::rw);
      }
    }
    add_time(graph);
    for (const auto& cycle : graph.cycles()) {
      std::string text;
      constexpr const char* names[] = {"ww", "wr", "rw", "time"};
      for (const OrderGraph::Step& step : cycle)
        if (step.from < history_.size())
          text += name(step.from) + "\n  -" + names[static_cast<std::size_t>(step.why)] + "-> ";
      complain(name_of(cycle).c_str(), text + "the first again");
    }
  }
  static std::size_t writer_of(const ListHistory& list, std::size_t place) {
    return list.writers.at(list.order[place]).by;
  }

  /// Who ended before who began. Every end is a node of its own behind the end before, so that there are as many edges as
  /// transactions and not their square.
  void add_time(OrderGraph& graph) const {
    std::vector<std::size_t> by_end, by_begin;
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (history_[i].ending == Ending::ok) by_end.push_back(i);
      if (effective_[i]) by_begin.push_back(i);
    }
    std::sort(by_end.begin(), by_end.end(), [&](auto a, auto b) { return history_[a].ended_ns < history_[b].ended_ns; });
    std::sort(by_begin.begin(), by_begin.end(),
              [&](auto a, auto b) { return history_[a].began_ns < history_[b].began_ns; });
    std::size_t ends = 0;
    auto node_of_end = [&](std::size_t end) { return history_.size() + end; };
    for (std::size_t begins : by_begin) {
      for (; ends < by_end.size() && history_[by_end[ends]].ended_ns < history_[begins].began_ns; ++ends) {
        graph.add(by_end[ends], node_of_end(ends), Why::time);
        if (ends > 0) graph.add(node_of_end(ends - 1), node_of_end(ends), Why::time);
      }
      if (ends > 0) graph.add(node_of_end(ends - 1), begins, Why::time);
    }
  }

  const std::vector<ListTransaction>& history_;
  std::vector<bool> effective_;  // acknowledged, or seen to have happened
  std::map<std::string, ListHistory> lists_;
  Anomalies anomalies_;
};

}  // namespace

Anomalies check_list_append(const std::vector<ListTransaction>& history) { return Checker(history).run(); }

}  // namespace engram::history
