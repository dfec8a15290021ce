#include "tools/loadgen/options.h"

#include <algorithm>
#include <charconv>

namespace engram::loadgen {

namespace {

std::string known_calls() {
  std::string names;
  for (auto name : call_names) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

Result<Share> parse_share(std::string_view text) {
  auto equals = text.find('=');
  auto name = text.substr(0, equals);
  auto found = std::find(call_names.begin(), call_names.end(), name);
  if (found == call_names.end()) {
    return Status(Code::invalid_argument, "--mix: there is no call '" + std::string(name) + "'; there are " + known_calls(),
                  "mix");
  }
  Share share{static_cast<CallKind>(found - call_names.begin()), 1};
  if (equals == std::string_view::npos) return share;
  auto weight = text.substr(equals + 1);
  auto [end, error] = std::from_chars(weight.data(), weight.data() + weight.size(), share.weight);
  if (error != std::errc() || end != weight.data() + weight.size() || !(share.weight > 0) || share.weight > 1e9) {
    return Status(Code::invalid_argument, "--mix: '" + std::string(text) + "' needs a number above 0, as in get=80,put=20",
                  "mix");
  }
  return share;
}

Status out_of_range(const char* option, const char* range) {
  return {Code::invalid_argument, std::string("--") + option + " has to be " + range, option};
}

}  // namespace

Result<std::vector<Share>> parse_mix(const std::string& text) {
  std::vector<Share> mix;
  std::string_view rest = text;
  while (true) {
    auto comma = rest.find(',');
    auto share = parse_share(rest.substr(0, comma));
    if (!share.ok()) return share.status();
    mix.push_back(*share);
    if (comma == std::string_view::npos) return mix;
    rest.remove_prefix(comma + 1);
  }
}

Result<std::vector<std::uint16_t>> parse_partitions(const std::string& option, const std::string& text) {
  std::vector<std::uint16_t> partitions;
  const char* end = text.data() + text.size();
  for (const char* at = text.data();; ++at) {
    std::uint16_t partition = 0;
    auto [behind, error] = std::from_chars(at, end, partition);
    if (error != std::errc() || (behind != end && *behind != ','))
      return Status(Code::invalid_argument, "--" + option + ": '" + text + "' is no list of partitions, as in 0,3,6", option);
    partitions.push_back(partition);
    if (behind == end) return partitions;
    at = behind;
  }
}

Status check(const BenchOptions& options) {
  if (options.threads < 1 || options.threads > 256) return out_of_range("threads", "1 to 256");
  if (options.connections < 1 || options.connections > 10'000) return out_of_range("connections", "1 to 10,000");
  if (options.in_flight < 1 || options.in_flight > 10'000) return out_of_range("in-flight", "1 to 10,000");
  if (options.bulk < 1 || options.bulk > 10'000) return out_of_range("bulk", "1 to 10,000");
  if (options.batch < 1 || options.batch > 10'000) return out_of_range("batch", "1 to 10,000");
  if (!options.key_partitions.empty() && options.zipf_exponent > 0) return out_of_range("zipf", "0 with --key-partitions");
  bool links = std::any_of(options.mix.begin(), options.mix.end(), [](auto& share) { return share.call == CallKind::link; });
  if (options.target_partitions.empty() == (links && !options.key_partitions.empty()))
    return out_of_range("target-partitions", "given for links together with --key-partitions");
  if (options.rate < 0) return out_of_range("rate", "0 (closed loop) or a number of calls a second");
  if (options.zipf_exponent < 0 || options.zipf_exponent > 10) return out_of_range("zipf", "0 (uniform) to 10");
  if (options.keys.size() < 1 || options.keys.size() > 0xFFFFFFFF) return out_of_range("keys", "1 to 4,294,967,295");
  if (options.calls == 0 && !(options.seconds > 0)) return out_of_range("seconds", "above 0");
  if (options.warmup_seconds < 0) return out_of_range("warmup", "0 or more");
  return {};
}

}  // namespace engram::loadgen
