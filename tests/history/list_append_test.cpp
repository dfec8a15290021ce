// Hand-written histories of lists: good ones pass, and every kind of anomaly is found in one that has it.

#include <catch2/catch.hpp>

#include "tests/history/list_append.h"

using namespace engram::history;

namespace {

/// One call after the other, unless a test says otherwise.
class Script {
 public:
  ListTransaction& append(std::vector<ListAccess> lists, Ending ending = Ending::ok) {
    return add(std::move(lists), ending);
  }
  ListTransaction& read(const std::string& key, std::uint64_t version, std::vector<Element> list) {
    return add({{key, version, std::move(list)}}, Ending::ok);
  }
  [[nodiscard]] Anomalies check() const { return check_list_append(history); }
  void require(const std::string& kind) const {
    Anomalies found = check();
    std::string all;
    for (const Anomaly& one : found) all += one.kind + ": " + one.text + "\n";
    INFO(all);
    CHECK(count(found, kind) > 0);
  }

  std::vector<ListTransaction> history;

 private:
  ListTransaction& add(std::vector<ListAccess> lists, Ending ending) {
    now_ += 10;
    ListTransaction one;
    one.process = 1;
    one.began_ns = now_;
    one.ended_ns = now_ + 5;
    one.ending = ending;
    one.lists = std::move(lists);
    history.push_back(std::move(one));
    return history.back();
  }
  std::int64_t now_ = 0;
};

}  // namespace

TEST_CASE("appends one after the other, over several lists and two in one batch, are in order") {
  Script script;
  script.append({{"a", 0, {}, {1}, 3}});
  script.append({{"a", 3, {1}, {2}, 5}, {"b", 0, {}, {20, 21}}});
  script.read("a", 5, {1, 2});
  script.read("b", 9, {20, 21});
  script.read("c", 0, {});
  CHECK(script.check().empty());
}

TEST_CASE("what failed is not there, what is unknown may be there or not, early or late") {
  Script script;
  script.append({{"a", 0, {}, {1}}}, Ending::failed);
  script.append({{"a", 0, {}, {2}}}, Ending::unknown);  // takes effect only behind the next read
  script.read("a", 0, {});
  script.read("a", 4, {2});
  script.append({{"a", 4, {2}, {3}}}, Ending::unknown);  // never
  script.read("a", 4, {2});
  CHECK(script.check().empty());
}

TEST_CASE("calls at one time may be in either order") {
  Script script;
  script.append({{"a", 0, {}, {1}, 3}, {"b", 0, {}, {10}}});
  auto& early = script.read("a", 0, {});
  early.began_ns = script.history[0].began_ns;
  script.read("b", 4, {10});
  CHECK(script.check().empty());
}

TEST_CASE("an element from nowhere, of a failed append, or there twice") {
  Script nowhere;
  nowhere.read("a", 1, {7});
  nowhere.require("from nowhere");

  Script aborted;
  aborted.append({{"a", 0, {}, {1}}}, Ending::failed);
  aborted.read("a", 1, {1});
  aborted.require("aborted");

  Script duplicate;
  duplicate.append({{"a", 0, {}, {1}}});
  duplicate.read("a", 2, {1, 1});
  duplicate.require("duplicate");
}

TEST_CASE("a read between two appends of one batch") {
  Script script;
  script.append({{"a", 0, {}, {1, 2}, 3}});
  script.read("a", 3, {1, 2});
  auto& half = script.read("a", 2, {1});
  half.began_ns = script.history[0].began_ns;
  half.ended_ns = half.began_ns + 1;
  script.require("intermediate");
}

TEST_CASE("an append that did not see the one before overwrites it") {
  Script order;
  order.append({{"a", 0, {}, {1}}});
  order.append({{"a", 0, {}, {2}}});
  order.require("order");

  Script lost;
  lost.append({{"a", 0, {}, {1}, 2}});
  lost.read("a", 0, {});
  lost.require("lost");
}

TEST_CASE("versions that do not grow with the list") {
  Script same;
  same.append({{"a", 0, {}, {1}, 2}});
  same.append({{"a", 2, {1}, {2}, 2}});
  same.require("version");

  Script back;
  back.append({{"a", 0, {}, {1}, 5}});
  back.append({{"a", 5, {1}, {2}, 4}});
  back.require("version");
}

TEST_CASE("an element is appended once, or the history is wrong") {
  Script script;
  script.append({{"a", 0, {}, {1}}});
  script.append({{"a", 2, {1}, {1}}});
  script.require("history");
}

TEST_CASE("a stale read is a cycle with time, also of an append without an answer") {
  Script script;
  script.append({{"a", 0, {}, {1}}}, Ending::unknown);
  script.read("a", 3, {1});
  script.read("a", 0, {});
  script.require("G-single-time");
}

TEST_CASE("half of a batch in two reads of which the second is later") {
  Script script;
  auto& both = script.append({{"a", 0, {}, {1}}, {"b", 0, {}, {10}}});
  both.ended_ns = 1000;
  script.read("a", 3, {1});
  script.read("b", 0, {});
  script.require("G-single-time");
}

TEST_CASE("batches that overwrite each other in two orders") {
  Script script;
  // What each saw of the other's lists does not hang together: 1 before 2 in a, 2 before 1 in b.
  script.append({{"a", 0, {}, {1}}, {"b", 5, {20}, {10}}});
  script.append({{"a", 5, {1}, {2}}, {"b", 0, {}, {20}}});
  for (auto& one : script.history) one.began_ns = 0;
  script.require("G0");
}

TEST_CASE("batches that read each other's writes") {
  Script script;
  script.append({{"a", 0, {}, {1}}, {"b", 5, {20}}});
  script.append({{"a", 5, {1}}, {"b", 0, {}, {20}}});
  for (auto& one : script.history) one.began_ns = 0;
  script.require("G1c");
}

TEST_CASE("write skew: each batch reads what the other then changes") {
  Script script;
  script.append({{"a", 0, {}, {1}}, {"b", 0, {}}});
  script.append({{"a", 0, {}}, {"b", 0, {}, {20}}});
  for (auto& one : script.history) one.began_ns = 0;
  script.require("G2");
}

TEST_CASE("a batch that saw one list before and one list behind another batch") {
  Script script;
  script.append({{"a", 0, {}, {1}}, {"b", 0, {}, {10}}});
  script.append({{"a", 5, {1}}, {"b", 0, {}}, {"c", 0, {}, {100}}});
  for (auto& one : script.history) one.began_ns = 0;
  script.require("G-single");
}
