// put, link, delete.

#include "tools/engram/command_support.h"
#include "tools/engram/property_text.h"

namespace engram::cli {

namespace {

client::PutMode mode_of(bool create, bool update) {
  if (create) return client::PutMode::create;
  return update ? client::PutMode::update : client::PutMode::upsert;
}

void submit(Globals& globals, client::Batch& batch) {
  auto* client = open_client(globals);
  if (client != nullptr) report_outcome(globals, client->submit(batch));
}

/// What has to hold before the change. `arguments` are those of put, link or delete.
template <typename Arguments, typename Version, typename Property>
Status add_conditions(const Arguments& arguments, Version require_version, Property require_property) {
  auto properties = parse_properties(arguments.if_properties);
  if (!properties.ok()) return properties.status();
  if (arguments.if_version) require_version(*arguments.if_version);
  for (const auto& property : *properties) require_property(property);
  return {};
}

template <typename Arguments>
Status add_vertex_conditions(client::Batch& batch, const std::string& key, const Arguments& arguments) {
  return add_conditions(
      arguments, [&](std::uint64_t version) { batch.require_vertex_version(key, version); },
      [&](const client::Property& property) { batch.require_vertex_property(key, property); });
}

template <typename Arguments>
Status add_edge_conditions(client::Batch& batch, const client::EdgeKey& edge, const Arguments& arguments) {
  return add_conditions(
      arguments, [&](std::uint64_t version) { batch.require_edge_version(edge, version); },
      [&](const client::Property& property) { batch.require_edge_property(edge, property); });
}

}  // namespace

void run_put(Globals& globals, const PutArguments& arguments) {
  auto properties = parse_properties(arguments.properties);
  if (!properties.ok()) return report_usage(globals, properties.status());
  client::Batch batch(1);
  batch.put_vertex(arguments.key, {.mode = mode_of(arguments.create, arguments.update),
                                   .labels = arguments.labels,
                                   .remove_labels = arguments.remove_labels,
                                   .properties = std::move(properties).value(),
                                   .replace = arguments.replace});
  auto status = add_vertex_conditions(batch, arguments.key, arguments);
  if (!status.ok()) return report_usage(globals, status);
  submit(globals, batch);
}

void run_link(Globals& globals, const LinkArguments& arguments) {
  auto properties = parse_properties(arguments.properties);
  if (!properties.ok()) return report_usage(globals, properties.status());
  client::Batch batch(1);
  batch.link(arguments.source, arguments.type, arguments.target,
             {.rank = arguments.rank,
              .mode = mode_of(arguments.create, arguments.update),
              .weight = arguments.weight.value_or(1.0),
              .keep_weight = !arguments.weight,
              .properties = std::move(properties).value(),
              .replace = arguments.replace,
              .create_missing = arguments.create_missing});
  client::EdgeKey edge{arguments.source, arguments.type, arguments.target, arguments.rank};
  if (auto status = add_edge_conditions(batch, edge, arguments); !status.ok()) return report_usage(globals, status);
  submit(globals, batch);
}

void run_delete(Globals& globals, const DeleteArguments& arguments) {
  client::Batch batch(1);
  Status status;
  if (arguments.edge.size() == 3) {
    client::EdgeKey edge{arguments.edge[0], arguments.edge[1], arguments.edge[2], arguments.rank};
    batch.unlink(edge, arguments.if_exists);
    status = add_edge_conditions(batch, edge, arguments);
  } else if (!arguments.keys.empty()) {
    for (const std::string& key : arguments.keys) {
      batch.delete_vertex(key, arguments.if_exists);
      if (status.ok()) status = add_vertex_conditions(batch, key, arguments);
    }
  } else {
    status = Status(Code::invalid_argument, "delete what? KEY, or --edge SOURCE TYPE TARGET");
  }
  if (!status.ok()) return report_usage(globals, status);
  submit(globals, batch);
}

}  // namespace engram::cli
