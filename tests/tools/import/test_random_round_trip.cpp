// Random vertices and edges, as odd as the engine takes them, through every format: what is written is read as the same, or
// refused when it is written.

#include <catch2/catch.hpp>

#include <cstring>
#include <random>

#include "tests/tools/import/import_script.h"
#include "tools/import/csv_export.h"
#include "tools/import/json_lines.h"

using namespace engram;
using namespace engram::import;
using namespace engram::import::test;

namespace {

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : generator_(seed) {}

  std::size_t below(std::size_t bound) { return generator_() % bound; }

  std::string text(std::size_t least) {
    static const std::vector<std::string> pieces = {
        "a",  "b",  "1",  "0",    "-",    ".5", "\"",  "\"\"", ",",   ";",     "\\",    "\\;",       "\n",           "\r\n",
        "\r", "\t", " ",  "|",    "#",    "~",  "~id", ":",    ":ID", ":LABEL", ":int", "{",         "}",            "{}",
        "(",  ")",  "[]", "null", "true", "'",  "/",   "ä",    "€",   "𝄞",     "\x7f", "\x01", std::string(1, '\0'), "\xEF\xBB\xBF"};
    std::string made;
    for (std::size_t left = least + below(5); left > 0; --left) made += pieces[below(pieces.size())];
    return made;
  }

  double number() {
    static const std::vector<double> odd = {0.0, -0.0, 1.0, 0.1, -1e300, 5e-324, 1e22, 123456789012345680.0, 1e-7};
    if (below(2) == 0) return odd[below(odd.size())];
    std::uint64_t bits = generator_();
    double any = 0;
    std::memcpy(&any, &bits, sizeof any);
    return any == any ? any : 1.5;
  }

  client::Value single(std::size_t kind) {
    switch (kind) {
      case 0: return below(2) == 0;
      case 1: return static_cast<std::int64_t>(generator_());
      case 2: return number();
      case 3: return text(0);
      case 4: return client::Timestamp{static_cast<std::int64_t>(generator_())};
      default: return client::Blob{text(0)};
    }
  }

  client::Value value(std::size_t kind) {
    if (kind < 6) return single(kind);
    client::Vector vector;
    client::List list;
    std::size_t item = below(6);
    for (std::size_t left = below(4); left > 0; --left) {
      vector.push_back(static_cast<float>(number()));
      list.push_back(kind == 7 ? single(item) : value(below(8)));
    }
    return kind == 6 ? client::Value(std::move(vector)) : client::Value(std::move(list));
  }

  std::vector<client::Property> properties() {
    std::vector<client::Property> made;
    for (std::size_t left = below(4); left > 0; --left) {
      std::string name = text(1);
      if (client::find_property(made, name) == nullptr) made.push_back({name, value(below(9))});
    }
    std::sort(made.begin(), made.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return made;
  }

  client::Vertex vertex() {
    client::Vertex made;
    made.key = text(1);
    for (std::size_t left = below(3); left > 0; --left) made.labels.push_back(text(1));
    made.properties = properties();
    return made;
  }

  client::Edge edge() {
    client::Edge made;
    made.source_key = text(1);
    made.type = text(1);
    made.target_key = text(1);
    made.rank = below(3) == 0 ? static_cast<std::int64_t>(generator_()) : 0;
    do made.weight = below(3) == 0 ? number() : 1.0;
    while (made.weight - made.weight != 0);
    made.properties = properties();
    return made;
  }

 private:
  std::mt19937_64 generator_;
};

template <typename Record>
std::string table_of(Convention convention, const Record& record) {
  CsvTable table(convention);
  if (!table.observe(record).ok()) return {};
  std::string text;
  std::is_same_v<Record, client::Vertex> ? table.append_vertex_header(text) : table.append_edge_header(text);
  return table.append(record, text).ok() ? text : std::string();
}

template <typename Record>
std::string line_of(const Record& record) {
  std::string text;
  append_json_line(text, record);
  return text;
}

Kept only_record(const std::string& text) {
  auto reading = read_records(text);
  CHECK(reading.errors.empty());
  REQUIRE(reading.records.size() == 1);
  return reading.records[0];
}

void check(const client::Vertex& vertex, const std::string& text) {
  if (text.empty()) return;
  CAPTURE(text);
  Kept back = only_record(text);
  bool same = back.key == vertex.key && back.labels == vertex.labels && line_of(vertex) == line_of([&] {
                client::Vertex again = vertex;
                again.properties = back.properties;
                return again;
              }());
  CHECK(same);
}

void check(const client::Edge& edge, const std::string& text) {
  if (text.empty()) return;
  CAPTURE(text);
  Kept back = only_record(text);
  bool same = back.source == edge.source_key && back.type == edge.type && back.target == edge.target_key &&
              back.rank == edge.rank && back.weight == edge.weight && line_of(edge) == line_of([&] {
                client::Edge again = edge;
                again.properties = back.properties;
                return again;
              }());
  CHECK(same);
}

}  // namespace

TEST_CASE("random vertices and edges come back from every format as they were") {
  for (std::uint64_t seed = 1; seed <= 4'000; ++seed) {
    CAPTURE(seed);
    Maker maker(seed);
    auto vertex = maker.vertex();
    auto edge = maker.edge();
    check(vertex, line_of(vertex));
    check(edge, line_of(edge));
    for (auto convention : {Convention::neo4j, Convention::gremlin}) {
      check(vertex, table_of(convention, vertex));
      check(edge, table_of(convention, edge));
    }
  }
}
