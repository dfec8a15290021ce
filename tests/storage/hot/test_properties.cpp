#include <capnp/message.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/storage/hot/model.h"

namespace engram {
namespace {

using namespace test;

/// A value in a message of its own.
class Value {
 public:
  Value() : root_(message_.initRoot<schema::Value>()) {}
  schema::Value::Builder operator*() { return root_; }
  schema::Value::Builder* operator->() { return &root_; }
  std::string packed() {
    std::string out;
    Status status = pack_value(root_, out);
    INFO(status.message());
    REQUIRE(status.ok());
    return out;
  }

 private:
  capnp::MallocMessageBuilder message_;
  schema::Value::Builder root_;
};

std::string packed(std::int64_t number) {
  Value value;
  value->setInt64(number);
  return value.packed();
}
std::string packed(double number) {
  Value value;
  value->setFloat64(number);
  return value.packed();
}
std::string packed(const std::string& text) {
  Value value;
  auto built = value->initText(static_cast<unsigned>(text.size()));
  std::copy(text.begin(), text.end(), built.begin());
  return value.packed();
}

std::string sort_key(const std::string& value, std::size_t max_bytes = 512) {
  std::string key;
  append_sort_key(as_bytes(value), max_bytes, key);
  return key;
}

std::optional<int> compare(const std::string& left, const std::string& right) {
  return compare_values(as_bytes(left), as_bytes(right));
}

int sign(int value) { return value < 0 ? -1 : value > 0 ? 1 : 0; }

void fill_random(Random& random, schema::Value::Builder value, unsigned depth) {
  static const std::int64_t integers[] = {0, 1, -1, 1LL << 53, (1LL << 53) + 1, INT64_MAX, INT64_MAX - 1, INT64_MIN};
  static const double reals[] = {0.0, -0.0, 0.5, -0.5, 0x1p53, 0x1p53 + 2, 0x1p63, -0x1p63, INFINITY, -INFINITY, 1e-310};
  static const char* const texts[] = {"", "a", "ab", "b", "\xC3\xA4", "aa"};
  switch (below(random, depth < 3 ? 9 : 7)) {
    case 0: value.setNull(); break;
    case 1: value.setBoolean(below(random, 2) == 1); break;
    case 2: value.setInt64(below(random, 2) == 0 ? integers[below(random, 8)] : static_cast<std::int64_t>(random())); break;
    case 3: value.setFloat64(below(random, 2) == 0 ? reals[below(random, 11)] : static_cast<double>(below(random, 9)) - 4); break;
    case 4: value.setText(texts[below(random, 6)]); break;
    case 5: {
      auto bytes = value.initBytes(static_cast<unsigned>(below(random, 4)));
      for (auto& byte : bytes) byte = static_cast<kj::byte>(below(random, 2) * 255);
      break;
    }
    case 6: value.setTimestamp(static_cast<std::int64_t>(below(random, 5)) - 2); break;
    case 7: {
      auto list = value.initList(static_cast<unsigned>(below(random, 4)));
      for (auto element : list) fill_random(random, element, depth + 1);
      break;
    }
    default: {
      auto vector = value.initVector(static_cast<unsigned>(below(random, 4)));
      for (unsigned i = 0; i < vector.size(); ++i) vector.set(i, static_cast<float>(below(random, 5)) - 2.0F);
    }
  }
}

TEST_CASE("a value comes back as it was packed") {
  for (std::uint64_t seed = 1; seed <= 5000; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Value value;
    fill_random(random, *value, 0);
    std::string bytes = value.packed();
    Value back;
    REQUIRE(unpack_value(as_bytes(bytes), *back).ok());
    CHECK(back.packed() == bytes);
    CHECK(back->which() == value->which());
    CHECK(!unpack_value(as_bytes(bytes + '\0'), *back).ok());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      Value cut;
      REQUIRE(unpack_value(as_bytes(bytes).first(size), *cut).code() == Code::corrupt);
    }
  }
}

TEST_CASE("what is no value is refused, with the limit that it broke") {
  Value value;
  std::string out = "before";
  SECTION("NaN") {
    value->setFloat64(NAN);
    CHECK(pack_value(*value, out).code() == Code::invalid_argument);
  }
  SECTION("NaN in a vector") {
    value->initVector(2).set(1, NAN);
    CHECK(pack_value(*value, out).code() == Code::invalid_argument);
  }
  SECTION("malformed UTF-8") {
    value->setText("\xC0\x80");
    CHECK(pack_value(*value, out).code() == Code::invalid_argument);
  }
  SECTION("too large") {
    value->initBytes(ValueLimits::max_bytes);
    Status status = pack_value(*value, out);
    CHECK(status.code() == Code::too_large);
    CHECK(status.limit() == ValueLimits::max_bytes);
  }
  SECTION("too large in sum") {
    for (auto element : value->initList(3)) element.initBytes(ValueLimits::max_bytes / 3);
    CHECK(pack_value(*value, out).code() == Code::too_large);
  }
  SECTION("nested too deep") {
    auto inner = *value;
    for (unsigned depth = 0; depth < ValueLimits::max_depth; ++depth) inner = inner.initList(1)[0];
    CHECK(pack_value(*value, out).ok());
    out = "before";
    inner.initList(1);
    Status status = pack_value(*value, out);
    CHECK(status.code() == Code::too_large);
    CHECK(status.limit() == ValueLimits::max_depth);
  }
  CHECK(out == "before");
}

TEST_CASE("the largest value fits") {
  Value value;
  value->initBytes(ValueLimits::max_bytes - 4);
  CHECK(value.packed().size() == ValueLimits::max_bytes);
}

TEST_CASE("integers and reals compare as the numbers that they are") {
  std::int64_t beyond = (1LL << 53) + 1;  // no double
  CHECK(compare(packed(beyond), packed(0x1p53)) == 1);
  CHECK(compare(packed(beyond), packed(0x1p53 + 2)) == -1);
  CHECK(compare(packed(std::int64_t{1} << 53), packed(0x1p53)) == 0);
  CHECK(compare(packed(INT64_MAX), packed(0x1p63)) == -1);
  CHECK(compare(packed(INT64_MIN), packed(-0x1p63)) == 0);
  CHECK(compare(packed(INT64_MAX), packed(INT64_MAX - 1)) == 1);
  CHECK(compare(packed(std::int64_t{0}), packed(-0.0)) == 0);
  CHECK(compare(packed(std::int64_t{3}), packed(3.5)) == -1);
  CHECK(compare(packed(std::int64_t{-3}), packed(-3.5)) == 1);
  CHECK(compare(packed(INT64_MAX), packed(INFINITY)) == -1);
  CHECK(!compare(packed(std::int64_t{1}), packed(std::string("1"))).has_value());
  CHECK(numeric_value(as_bytes(packed(2.5))) == 2.5);
  CHECK(numeric_value(as_bytes(packed(std::int64_t{-7}))) == -7.0);
  CHECK(!numeric_value(as_bytes(packed(std::string("7")))).has_value());
}

TEST_CASE("sort keys sort as values compare") {
  Random random(7);
  std::vector<std::string> values;
  for (int i = 0; i < 1500; ++i) {
    Value value;
    fill_random(random, *value, 0);
    values.push_back(value.packed());
  }
  for (int i = 0; i < 300'000; ++i) {
    const std::string& left = values[below(random, values.size())];
    const std::string& right = values[below(random, values.size())];
    std::optional<int> compared = compare(left, right);
    int keys = sign(sort_key(left).compare(sort_key(right)));
    if (compared) REQUIRE(keys == *compared);
    REQUIRE(compare(right, left).value_or(9) == (compared ? -*compared : 9));
  }
}

TEST_CASE("no sort key is the start of another, and long ones are cut without losing the order") {
  std::string nul("a\0", 2);
  std::vector<std::string> texts = {"", "a", nul, nul + "b", "ab", "b", std::string(600, 'x'), std::string(600, 'x') + "y"};
  for (std::size_t max_bytes : {8, 512}) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      std::string key = sort_key(packed(texts[i]), max_bytes);
      CHECK(key.size() <= max_bytes);
      for (std::size_t j = i + 1; j < texts.size(); ++j) {
        std::string other = sort_key(packed(texts[j]), max_bytes);
        CHECK(key <= other);
        if (key != other) CHECK(other.compare(0, key.size(), key) != 0);
      }
    }
  }
}

TEST_CASE("changing properties does what a map does") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::map<NameId, std::string> model;
    std::string properties;
    for (int round = 0; round < 6; ++round) {
      std::vector<PropertyChange> changes;
      bool replace = below(random, 4) == 0;
      if (replace) model.clear();
      for (std::uint64_t i = below(random, 6); i > 0; --i) {
        NameId name{static_cast<std::uint32_t>(1 + below(random, 6) * (below(random, 2) == 0 ? 1 : 500'000'000))};
        std::string value;
        if (below(random, 3) > 0) value = packed(static_cast<std::int64_t>(below(random, 1000)));
        changes.push_back({name, value});
        if (value.empty()) {
          model.erase(name);
        } else {
          model[name] = value;
        }
      }
      properties = change_properties(as_bytes(properties), changes, replace);
      REQUIRE(properties_parse(as_bytes(properties)));
      PropertyCursor cursor(as_bytes(properties));
      NameId name;
      Bytes value;
      for (const auto& [expected_name, expected] : model) {
        REQUIRE(cursor.next(name, value));
        REQUIRE(name == expected_name);
        REQUIRE(as_text(value) == expected);
        REQUIRE(as_text(*find_property(as_bytes(properties), name)) == expected);
      }
      REQUIRE(!cursor.next(name, value));
      REQUIRE(!find_property(as_bytes(properties), NameId{4'000'000'000}).has_value());
    }
  }
}

TEST_CASE("damaged properties end the walk and never lead outside") {
  std::string properties = change_properties({}, {{NameId{1}, packed(std::string("text"))}, {NameId{9}, packed(1.5)}}, true);
  for (std::size_t size = 1; size < properties.size(); ++size) {
    if (size != 7) CHECK(!properties_parse(as_bytes(properties).first(size)));  // 7: just the first one
  }
  Random random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = properties;
    damaged[below(random, damaged.size())] ^= static_cast<char>(1 << below(random, 8));
    PropertyCursor cursor(as_bytes(damaged));
    NameId name;
    Bytes value;
    while (cursor.next(name, value)) {
      Value built;
      REQUIRE((unpack_value(value, *built).ok() || true));
      sort_key(std::string(as_text(value)));
    }
  }
}

}  // namespace
}  // namespace engram
