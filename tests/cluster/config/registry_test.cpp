#include "cluster/config/registry.h"

#include <catch2/catch.hpp>

#include <set>

#include "tests/support/text_file.h"

using namespace engram;

namespace {

constexpr const char* document = "docs/configuration.md";
constexpr const char* table_begin = "<!-- settings: made by test_config, do not edit -->\n";
constexpr const char* table_end = "<!-- end of settings -->\n";

}  // namespace

TEST_CASE("every default is a value that the setting itself would accept") {
  Config config;
  for (const Setting& setting : settings()) {
    CAPTURE(setting.key());
    std::string text = setting.text(config);
    CHECK(setting.assign(config, text).ok());
    CHECK(setting.text(config) == text);
  }
}

TEST_CASE("names are unique in all their forms, and every setting explains itself") {
  std::set<std::string> flags, variables;
  for (const Setting& setting : settings()) {
    CHECK(flags.insert(setting.flag()).second);
    CHECK(variables.insert(setting.environment()).second);
    CHECK(find_setting(setting.section, setting.name) == &setting);
    CHECK(setting.help.ends_with('.'));
  }
  CHECK(find_setting("listen", "nonsense") == nullptr);
}

TEST_CASE("values at the limits are taken, values beyond are not") {
  Config config;
  for (const Setting& setting : settings()) {
    if (setting.limits.highest == 0) continue;
    CAPTURE(setting.key());
    CHECK(setting.assign(config, std::to_string(setting.limits.lowest)).ok());
    CHECK(setting.assign(config, std::to_string(setting.limits.highest)).ok());
    std::string before = setting.text(config);
    CHECK_FALSE(setting.assign(config, std::to_string(setting.limits.highest + 1)).ok());
    if (setting.limits.lowest > 0) CHECK_FALSE(setting.assign(config, std::to_string(setting.limits.lowest - 1)).ok());
    CHECK(setting.text(config) == before);
  }
}

TEST_CASE("docs/configuration.md shows the settings as they are") {
  std::string text = test::read_text(document);
  std::size_t begin = text.find(table_begin);
  std::size_t end = text.find(table_end);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  begin += std::string(table_begin).size();
  INFO("to bring it up to date: test_config '[.update-docs]', run in the project's folder");
  CHECK(text.substr(begin, end - begin) == settings_markdown());
}

TEST_CASE("update docs/configuration.md", "[.update-docs]") {
  std::string text = test::read_text(document);
  std::size_t begin = text.find(table_begin) + std::string(table_begin).size();
  test::write_text(document, text.substr(0, begin) + settings_markdown() + text.substr(text.find(table_end)));
}
