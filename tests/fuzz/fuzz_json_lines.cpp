// Feeds any bytes to the decoder of JSON Lines: no crash, and what it makes of a line, export writes so that it is read as the
// same again.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tools/import/json_lines.h"

using namespace engram;
using namespace engram::import;

namespace {

std::string written(const Record& record) {
  std::string line;
  if (record.kind == RecordKind::vertex) {
    client::Vertex vertex;
    vertex.key = record.key;
    vertex.labels = record.vertex.labels;
    vertex.properties = record.vertex.properties;
    append_json_line(line, vertex);
  } else {
    client::Edge edge;
    edge.source_key = record.source;
    edge.type = record.type;
    edge.target_key = record.target;
    edge.rank = record.edge.rank;
    edge.weight = record.edge.weight;
    edge.properties = record.edge.properties;
    append_json_line(line, edge);
  }
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  JsonLineDecoder decoder("T", false);
  Record record;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!decoder.decode(line, record)) {
      if (decoder.problem().message.empty() || decoder.problem().offset > line.size()) std::abort();
      continue;
    }
    std::string once = written(record);
    if (!once.ends_with('\n')) std::abort();
    once.pop_back();
    if (!decoder.decode(once, record) || written(record) != once + '\n') std::abort();
  }
  return 0;
}
