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
  if (arguments.if_version) batch.require_vertex_version(arguments.key, *arguments.if_version);
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
  submit(globals, batch);
}

void run_delete(Globals& globals, const DeleteArguments& arguments) {
  client::Batch batch(1);
  if (arguments.edge.size() == 3)
    batch.unlink({arguments.edge[0], arguments.edge[1], arguments.edge[2], arguments.rank}, arguments.if_exists);
  else if (!arguments.key.empty())
    batch.delete_vertex(arguments.key, arguments.if_exists);
  else
    return report_usage(globals, Status(Code::invalid_argument, "delete what? KEY, or --edge SOURCE TYPE TARGET"));
  submit(globals, batch);
}

}  // namespace engram::cli
