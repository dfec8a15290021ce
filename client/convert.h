#pragma once
// Between the plain structs of the public headers and the schema's messages. Nothing here knows a connection.

#include <string_view>
#include <vector>

#include "client/engram/batch.h"
#include "client/engram/client.h"
#include "client/engram/types.h"
#include "schema/client.capnp.h"
#include "storage/base/result.h"

namespace engram::client {

// --- To messages
void write(const Value& from, schema::Value::Builder to);
void write(const std::vector<Property>& from, capnp::List<schema::Property>::Builder to);
void write(const VertexRef& from, schema::VertexRef::Builder to);
void write(const EdgeKey& from, schema::EdgeKey::Builder to);
void write(const VertexFilter& from, schema::VertexFilter::Builder to);
void write(const EdgeFilter& from, schema::EdgeFilter::Builder to);
void write(const Projection& from, schema::Projection::Builder to);
void write(const Hop& from, schema::Hop::Builder to);
void write(const Quota& from, schema::Quota::Builder to);
void write(const Index& from, schema::Index::Builder to);
void write(const std::vector<std::string>& from, capnp::List<capnp::Text>::Builder to);

/// Of a std::string, never of a view: a Text reader looks at the NUL behind it.
inline capnp::Text::Reader text(const std::string& from) { return {from.c_str(), from.size()}; }
inline capnp::Data::Reader as_data(std::string_view from) {
  return {reinterpret_cast<const kj::byte*>(from.data()), from.size()};
}

// --- From messages
Status read(schema::Error::Reader from);
Value read(schema::Value::Reader from);
std::vector<Property> read(capnp::List<schema::Property>::Reader from);
std::vector<std::string> read(capnp::List<capnp::Text>::Reader from);
Vertex read(schema::Vertex::Reader from);
std::vector<Vertex> read(capnp::List<schema::Vertex>::Reader from);
Edge read(schema::Edge::Reader from);
std::vector<Edge> read(capnp::List<schema::Edge>::Reader from);
SpaceInfo read(schema::SpaceInfo::Reader from);
ServerInfo read(schema::ServerInfo::Reader from);
Statistics read(schema::StatisticsReply::Reader from);
Outcome read(schema::Outcome::Reader from);
Recall read(schema::RecallReply::Reader from);
Expansion read(schema::ExpandReply::Reader from, std::uint8_t min_depth);

inline std::string to_string(capnp::Text::Reader from) { return {from.begin(), from.size()}; }
inline std::string to_string(capnp::Data::Reader from) {
  return {reinterpret_cast<const char*>(from.begin()), from.size()};
}

}  // namespace engram::client
