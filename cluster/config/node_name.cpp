#include "cluster/config/node_name.h"

#include <algorithm>
#include <charconv>

namespace engram {
namespace {

constexpr std::size_t max_stem_bytes = 63 - 6;  // a label of DNS, less the longest "-65535"
constexpr std::uint32_t max_ordinal = 65535;

Status refuse(const char* field, std::string message) {
  return {Code::invalid_argument, std::move(message), field};
}

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_stem(std::string_view text) {
  auto may_stand = [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= max_stem_bytes && is_letter_or_digit(text.front()) && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), may_stand);
}

/// "engram-007" and "engram-99999": meant as ordinals, but none.
bool ends_in_number(std::string_view name) {
  std::size_t dash = name.rfind('-');
  return dash != std::string_view::npos && name.find_first_not_of("0123456789", dash + 1) == std::string_view::npos;
}

Result<NodeName> from_given_name(const NodeNameSources& sources) {
  const std::string shown = "node.name = \"" + sources.name + "\"";
  std::optional<NodeName> name = split_node_name(sources.name);
  if (name) {
    if (sources.ordinal && *sources.ordinal != name->ordinal)
      return refuse("node.name", shown + " has another ordinal than node.ordinal = " + std::to_string(*sources.ordinal) +
                                     ": set one of them only");
    name->origin = NodeName::Origin::given;
    return *name;
  }
  if (!is_stem(sources.name) || ends_in_number(sources.name))
    return refuse("node.name",
                  shown + " is no name of a node: write letters, digits, \"-\" and \"_\", and the ordinal (0 to " +
                      std::to_string(max_ordinal) + ") behind the last \"-\", for example engram-0");
  if (!sources.ordinal && sources.nodes > 1)
    return refuse("node.name", shown + " does not say which of the " + std::to_string(sources.nodes) +
                                   " nodes this is: append its ordinal, as in " + sources.name + "-0, or set node.ordinal");
  NodeName stem;
  stem.stem = sources.name;
  stem.ordinal = static_cast<std::uint32_t>(sources.ordinal.value_or(0));
  stem.origin = NodeName::Origin::given;
  return stem;
}

}  // namespace

std::optional<NodeName> split_node_name(std::string_view name) {
  std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || !is_stem(name.substr(0, dash))) return std::nullopt;
  std::string_view digits = name.substr(dash + 1);
  NodeName split;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), split.ordinal);
  if (error != std::errc() || split.ordinal > max_ordinal || std::to_string(split.ordinal) != digits) return std::nullopt;
  split.stem = name.substr(0, dash);
  split.has_ordinal = true;
  return split;
}

Result<NodeName> resolve_node_name(const NodeNameSources& sources) {
  if (!sources.name.empty()) return from_given_name(sources);
  if (sources.ordinal || sources.nodes <= 1) {
    NodeName unnamed;
    unnamed.ordinal = static_cast<std::uint32_t>(sources.ordinal.value_or(0));
    return unnamed;
  }
  std::string host = sources.host_name.substr(0, sources.host_name.find('.'));
  std::optional<NodeName> name = split_node_name(host);
  if (!name)
    return refuse("node.name", "cluster.nodes = " + std::to_string(sources.nodes) +
                                   ", and nothing says which of them this node is: the host name \"" + host +
                                   "\" does not end in an ordinal, as engram-0 does; set node.name or node.ordinal");
  name->origin = NodeName::Origin::host_name;
  return *name;
}

}  // namespace engram
