#pragma once
// What --json prints. Values have the forms of import and export (tools/import/json_lines.h): what JSON has none for is an
// object with one member, {"$timestamp": ...}, {"$bytes": ...}, {"$vector": [...]}, {"$float": "inf"}.

#include <string>

#include <nlohmann/json.hpp>

#include "client/engram/client.h"

namespace engram::cli {

using Json = nlohmann::ordered_json;

/// On one line; text that is not UTF-8 does not make it fail.
std::string dump(const Json& json);

Json to_json(const client::Value& value);
Json to_json(const client::Vector& vector);
Json to_json(const std::vector<client::Property>& properties);
Json to_json(const client::Vertex& vertex);
Json to_json(const client::Edge& edge);
Json to_json(const client::Path& path);
Json to_json(const client::Recall& recall);
Json to_json(const client::Expansion& expansion);
Json to_json(const client::SpaceInfo& space);
Json to_json(const client::Statistics& statistics);
Json to_json(const client::Outcome& outcome);

const char* limit_name(client::Limit limit);
const char* placement_name(client::Placement placement);

}  // namespace engram::cli
