#include "tools/engram/json.h"

#include <cmath>
#include <type_traits>

#include "tools/engram/output.h"
#include "tools/import/timestamp_text.h"
#include "tools/import/value_text.h"

namespace engram::cli {

using namespace client;   // NOLINT: this file is about its types only

std::string dump(const Json& json) { return printable(json.dump(-1, ' ', false, Json::error_handler_t::replace)); }

Json to_json(const Vector& vector) {
  auto items = Json::array();
  // As the shortest text of a float: as a double, 0.1F would be 0.10000000149011612.
  for (float number : vector) {
    std::string text;
    import::append_number(text, number);
    items.push_back(std::isfinite(number) ? Json::parse(text) : Json(text));
  }
  return items;
}

Json to_json(const Value& value) {
  return std::visit(
      [](const auto& held) -> Json {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return nullptr;
        } else if constexpr (std::is_same_v<T, double>) {
          if (std::isfinite(held)) return held;
          return {{"$float", held > 0 ? "inf" : "-inf"}};
        } else if constexpr (std::is_same_v<T, Timestamp>) {
          std::string text;
          import::append_timestamp(text, held.ns);
          return {{"$timestamp", text}};
        } else if constexpr (std::is_same_v<T, Blob>) {
          return {{"$bytes", import::to_base64(held.bytes)}};
        } else if constexpr (std::is_same_v<T, Vector>) {
          return {{"$vector", to_json(held)}};
        } else if constexpr (std::is_same_v<T, List>) {
          auto items = Json::array();
          for (const auto& item : held) items.push_back(to_json(item));
          return items;
        } else {
          return held;
        }
      },
      value.data);
}

Json to_json(const std::vector<Property>& properties) {
  auto object = Json::object();
  for (const auto& property : properties) object[property.name] = to_json(property.value);
  return object;
}

Json to_json(const Vertex& vertex) {
  return {{"key", vertex.key},
          {"id", vertex.id.value},
          {"labels", vertex.labels},
          {"properties", to_json(vertex.properties)},
          {"created_ns", vertex.created_ns},
          {"changed_ns", vertex.changed_ns},
          {"version", vertex.version}};
}

Json to_json(const Edge& edge) {
  Json json{{"source", edge.source_key}, {"edge_type", edge.type},   {"target", edge.target_key},
            {"rank", edge.rank},         {"weight", edge.weight}, {"source_id", edge.source.value},
            {"target_id", edge.target.value}};
  if (!edge.properties.empty()) json["properties"] = to_json(edge.properties);
  if (edge.version != 0) {
    json["created_ns"] = edge.created_ns;
    json["changed_ns"] = edge.changed_ns;
    json["version"] = edge.version;
  }
  return json;
}

Json to_json(const Path& path) {
  Json json{{"found", path.found}, {"exceeded", limit_name(path.exceeded)}};
  if (!path.found) return json;
  json["cost"] = path.cost;
  json["vertices"] = Json::array();
  json["edges"] = Json::array();
  for (const auto& vertex : path.vertices) json["vertices"].push_back(to_json(vertex));
  for (const auto& edge : path.edges) json["edges"].push_back(to_json(edge));
  return json;
}

Json to_json(const Recall& recall) {
  Json json{{"exceeded", limit_name(recall.exceeded)}, {"visited", recall.visited}, {"hits", Json::array()}};
  for (const auto& hit : recall.hits)
    json["hits"].push_back({{"activation", hit.activation},
                            {"activation_fixed", hit.activation_fixed},
                            {"path", hit.path_keys},
                            {"vertex", to_json(hit.vertex)}});
  return json;
}

Json to_json(const Expansion& expansion) {
  Json json{{"exceeded", limit_name(expansion.exceeded)}, {"vertices", Json::array()}};
  for (std::size_t i = 0; i < expansion.ids.size(); ++i) {
    Json item{{"id", expansion.ids[i].value}, {"depth", expansion.depths[i]}};
    if (i < expansion.keys.size()) item["key"] = expansion.keys[i];
    if (i < expansion.vertices.size()) item["vertex"] = to_json(expansion.vertices[i]);
    json["vertices"].push_back(std::move(item));
  }
  return json;
}

Json to_json(const SpaceInfo& space) {
  return {{"id", space.id.value},
          {"name", space.name},
          {"placement", placement_name(space.placement)},
          {"vertices", space.vertices},
          {"edges", space.edges},
          {"bytes", space.bytes},
          {"quota",
           {{"vertices", space.quota.vertices}, {"edges", space.quota.edges}, {"bytes", space.quota.bytes}}},
          {"created_ns", space.created_ns}};
}

Json to_json(const Statistics& statistics) {
  Json json{{"space", to_json(statistics.space)}, {"labels", Json::object()}, {"types", Json::object()},
            {"indexes", Json::array()}};
  for (const auto& count : statistics.labels) json["labels"][count.name] = count.count;
  for (const auto& count : statistics.types) json["types"][count.name] = count.count;
  for (const auto& index : statistics.indexes)
    json["indexes"].push_back(
        {{"label", index.label}, {"property", index.property}, {"ready", !statistics.is_building(index)}});
  return json;
}

Json to_json(const Outcome& outcome) {
  static constexpr const char* fates[] = {"committed", "failed", "unknown"};
  Json json{{"outcome", fates[static_cast<int>(outcome.fate)]},
            {"created", outcome.created},
            {"updated", outcome.updated},
            {"deleted", outcome.deleted},
            {"version", outcome.version},
            {"partition", outcome.partition.value},
            {"accepted_ns", outcome.accepted_ns}};
  if (outcome.space.value != 0) json["space"] = outcome.space.value;
  return json;
}

const char* limit_name(Limit limit) {
  static constexpr const char* names[] = {"none", "visited", "results", "time", "bytes"};
  auto index = static_cast<std::size_t>(limit);
  return index < std::size(names) ? names[index] : "unknown";
}

const char* placement_name(Placement placement) { return placement == Placement::together ? "together" : "spread"; }

}  // namespace engram::cli
