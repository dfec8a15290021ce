#pragma once
// The options by which reads choose edges and vertices.

#include <CLI/CLI.hpp>

#include "tools/engram/commands.h"

namespace engram::cli {

inline void add_vertex_options(CLI::App& command, VertexArguments& arguments) {
  command.add_option("-l,--label", arguments.labels, "Only vertices with this label; repeated: with all of them")
      ->allow_extra_args(false);
  command
      .add_option("--where", arguments.where,
                  "Only vertices with: elev>100 (=, ==, !=, <, <=, >, >=), name, !name; a type and a colon as for put: "
                  "code:text=5; repeated: all hold")
      ->allow_extra_args(false);
}

inline void add_edge_options(CLI::App& command, EdgeArguments& arguments) {
  command.add_option("-d,--direction", arguments.direction, "out, in or both")->capture_default_str();
  command.add_option("-t,--type", arguments.types, "Only edges of this type; repeated: of one of them")
      ->allow_extra_args(false);
  command.add_option("--min-weight", arguments.min_weight, "Only edges of at least this weight");
  command.add_option("--max-weight", arguments.max_weight, "Only edges of at most this weight");
  command.add_option("--edge-where", arguments.edge_where, "Only edges with, as --where; in direction out only")
      ->allow_extra_args(false);
}

}  // namespace engram::cli
