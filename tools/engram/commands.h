#pragma once
// The client commands: what each takes, and the function that does it. How they look on the command line is in add_*.cpp,
// the only files that include the command-line library. Every function reports errors itself and sets globals.exit_code.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/engram/globals.h"

namespace engram::cli {

struct PutArguments {
  std::string key;
  std::vector<std::string> labels;
  std::vector<std::string> remove_labels;
  std::vector<std::string> properties;
  bool create = false;
  bool update = false;
  bool replace = false;
  std::optional<std::uint64_t> if_version;
  std::vector<std::string> if_properties;
};
void run_put(Globals& globals, const PutArguments& arguments);

struct LinkArguments {
  std::string source;
  std::string type;
  std::string target;
  std::int64_t rank = 0;
  std::optional<double> weight;
  std::vector<std::string> properties;
  bool create = false;
  bool update = false;
  bool replace = false;
  bool create_missing = false;
  std::optional<std::uint64_t> if_version;
  std::vector<std::string> if_properties;
};
void run_link(Globals& globals, const LinkArguments& arguments);

struct DeleteArguments {
  std::vector<std::string> keys;
  std::vector<std::string> edge;   // source, type, target
  std::int64_t rank = 0;
  bool if_exists = false;
  std::optional<std::uint64_t> if_version;
  std::vector<std::string> if_properties;
};
void run_delete(Globals& globals, const DeleteArguments& arguments);

struct GetArguments {
  std::vector<std::string> keys;
  std::vector<std::string> only;
  bool by_id = false;
  bool times = false;
};
void run_get(Globals& globals, const GetArguments& arguments);

struct EdgeArguments {
  std::string direction = "out";
  std::vector<std::string> types;
  std::optional<double> min_weight;
  std::optional<double> max_weight;
  std::vector<std::string> edge_where;
};
struct VertexArguments {
  std::vector<std::string> labels;
  std::vector<std::string> where;
};

struct NeighborsArguments {
  std::string key;
  EdgeArguments edges;
  VertexArguments vertices;
  std::uint32_t limit = 100;
  bool all = false;
  bool count = false;
  bool direction_is_given = false;   // else `count` counts both
};
void run_neighbors(Globals& globals, const NeighborsArguments& arguments);

struct HopArguments {
  EdgeArguments edges;
  VertexArguments vertices;
};
struct ExpandArguments {
  std::vector<std::string> keys;
  std::uint32_t hops = 2;
  std::vector<HopArguments> each_hop;   // not empty: instead of `hops`, `edges` and `vertices`
  EdgeArguments edges;
  VertexArguments vertices;
  std::uint32_t limit = 1000;
  bool properties = false;
};
void run_expand(Globals& globals, const ExpandArguments& arguments);

struct PathArguments {
  std::string source;
  std::string target;
  std::string by = "hops";
  std::optional<std::uint32_t> max_hops;   // with --by hops only
  EdgeArguments edges;
  VertexArguments vertices;
};
void run_path(Globals& globals, const PathArguments& arguments);

struct RecallArguments {
  std::vector<std::string> seeds;
  std::uint32_t hops = 3;
  std::uint32_t top = 20;
  double decay = 0.5;
  double threshold = 0.001;
  std::string normalise = "none";
  bool include_seeds = false;
  EdgeArguments edges;
  VertexArguments vertices;
};
void run_recall(Globals& globals, const RecallArguments& arguments);

struct ScanArguments {
  VertexArguments vertices;
  std::uint64_t limit = 100;
  bool all = false;
  bool keys_only = false;
  std::string lookup;   // a condition on an indexed property
};
void run_scan(Globals& globals, const ScanArguments& arguments);

struct SpaceArguments {
  std::string name;
  bool together = false;
  std::uint64_t quota_vertices = 0;
  std::uint64_t quota_edges = 0;
  std::uint64_t quota_bytes = 0;
  bool sets_quota = false;   // one of them was given
  bool no_quota = false;
  std::string label;
  std::string property;
  bool drop = false;
  bool yes = false;
};
void run_space_create(Globals& globals, const SpaceArguments& arguments);
void run_space_list(Globals& globals);
void run_space_drop(Globals& globals, const SpaceArguments& arguments);
void run_space_quota(Globals& globals, const SpaceArguments& arguments);
void run_space_index(Globals& globals, const SpaceArguments& arguments);

void run_stats(Globals& globals);
void run_status(Globals& globals);
void run_cluster_status(Globals& globals);
void run_upgrade_check(Globals& globals, std::uint32_t wait_ms);
void run_finalize(Globals& globals);
void run_forget_volume(Globals& globals, std::uint32_t ordinal);

struct TokenArguments {
  std::string name;
  std::string role = "read";
  std::vector<std::string> spaces;
  std::string expires;
  std::string file;   // append the entry to it
};
void run_token(Globals& globals, const TokenArguments& arguments);

/// Reads lines and runs each as a command, till the end of the input. `run_line` takes the words of one line.
void run_shell(Globals& globals, const std::vector<std::string>& verbs, void (*run_line)(Globals&, std::vector<std::string>));
/// A line as words: blanks separate, quotes and backslashes keep them. An error names the open quote.
Result<std::vector<std::string>> split_words(std::string_view line);

}  // namespace engram::cli
