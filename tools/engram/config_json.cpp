#include "tools/engram/config_json.h"

#include "cluster/config/registry.h"

namespace engram::cli {

Json to_json(const LoadedConfig& loaded) {
  auto document = Json::object();
  for (const auto& setting : settings()) {
    auto text = setting.text(loaded.config);
    bool bare = setting.kind == SettingKind::boolean || setting.kind == SettingKind::number;
    document[std::string(setting.section)][std::string(setting.name)] = {
        {"value", bare ? Json::parse(text) : Json(text)}, {"origin", loaded.origins.at(setting.key())}};
  }
  return document;
}

}  // namespace engram::cli
