// One page of a scan. A cursor is a partition and a ScanPosition in it, packed as numbers.

#include "actors/partition/core/scan_position.h"
#include "actors/query/far_keys.h"

namespace engram {
namespace {

struct ScanCursor {
  PartitionId partition;
  ScanPosition position;

  static std::optional<ScanCursor> read(capnp::Data::Reader data) {
    Unpacker in = ScanPosition::unpacker(data);
    std::uint64_t partition = in.number();
    auto position = ScanPosition::read(in);
    if (!position || partition > 0xFFFF) return std::nullopt;
    return ScanCursor{{static_cast<std::uint16_t>(partition)}, *position};
  }
  [[nodiscard]] std::string bytes() const {
    Packer out;
    out.number(partition.value);
    position.write(out);
    return out.bytes();
  }
};

capnp::Data::Reader as_data(const std::string& bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

class ScanQuery final : public RoundQuery {
 public:
  ScanQuery(const QueryContext& context, schema::ScanRequest::Reader request, std::uint32_t max_vertices,
            std::uint32_t max_bytes)
      : RoundQuery(context), request_(request), max_vertices_(max_vertices), max_bytes_(max_bytes) {}

  void start(QueryHost& host) override {
    bool together = context_.space.placement == Placement::together;
    at_.partition = together ? context_.space.home : PartitionId{0};
    auto cursor = request_->getCursor().size() == 0 ? at_ : ScanCursor::read(request_->getCursor());
    if (!cursor || cursor->partition.value >= context_.partitions)
      return fail(host, {Code::invalid_argument, "This is not a cursor that a page of this scan contained.", "cursor"});
    at_ = *cursor;
    ask_part(host);
  }

 private:
  void ask_part(QueryHost& host) {
    ask(at_.partition, [&](schema::Request::Builder builder) {
      auto part = builder.initScan();
      part.setScan(*request_);
      Packer position;
      at_.position.write(position);
      part.getScan().setCursor(as_data(position.bytes()));
      part.setMaxVertices(max_vertices_);
      part.setMaxBytes(max_bytes_);
    });
    gather(host, [this](QueryHost& to) { part_answered(to); });
  }

  void part_answered(QueryHost& host) {
    page_ = take_answers();
    auto page = page_[0].read<schema::Answer>().getScan();
    if (page.getCursor().size() > 0) {
      at_.position = *ScanPosition::read(page.getCursor());
    } else {
      at_.position = {};
      std::uint32_t next = at_.partition.value + 1U;
      at_.partition.value = static_cast<std::uint16_t>(next);
      more_ = context_.space.placement == Placement::spread && next < context_.partitions;
    }
    // An empty page would be no progress for the caller: whoever asks wants vertices, or the end.
    if (page.getVertices().size() == 0 && page.getEdges().size() == 0 && more_) return ask_part(host);
    if (page.getEdges().size() == 0 || !request_->getProjection().getKeys()) return reply(host);
    for (auto edge : page.getEdges()) ends_.add(edge);
    fetch_ = ask_vertices(ends_.ids(), nullptr);
    gather(host, [this](QueryHost& to) {
      read_vertices(fetch_, ends_.ids().size());
      reply(to);
    });
  }

  void reply(QueryHost& host) {
    auto page = page_[0].read<schema::Answer>().getScan();
    std::vector<schema::Edge::Reader> edges;
    for (auto edge : page.getEdges()) {
      auto end = far_end(edge);
      bool vanished = !fetch_.vertices.empty() && end && !fetch_.vertices[ends_.position(*end)].getFound();
      if (!vanished) edges.push_back(edge);
    }
    auto fill = [&](schema::Answer::Builder answer) {
      auto out = answer.initScan();
      out.setVertices(page.getVertices());
      auto list = out.initEdges(static_cast<unsigned>(edges.size()));
      for (unsigned i = 0; i < list.size(); ++i) {
        list.setWithCaveats(i, edges[i]);
        if (!fetch_.vertices.empty()) (void)ends_.fill(list[i], fetch_.vertices);
      }
      out.setEdgesGoOn(page.getEdgesGoOn());
      if (more_) out.setCursor(as_data(at_.bytes()));
    };
    finish(host, Frame::build<schema::Answer>(fill, static_cast<unsigned>(page.totalSize().wordCount + 64)));
  }

  [[nodiscard]] Frame failure(const Status& status) const override {
    return Frame::build<schema::Answer>(
        [&](schema::Answer::Builder answer) { write_error(status, answer.initError()); });
  }

  RequestCopy<schema::ScanRequest> request_;
  const std::uint32_t max_vertices_;
  const std::uint32_t max_bytes_;
  ScanCursor at_;  // where the next page starts
  bool more_ = true;
  std::vector<Frame> page_;
  FarEnds ends_;
  VertexFetch fetch_;
};

}  // namespace

bool is_scan_cursor(capnp::Data::Reader scan_cursor) {
  return scan_cursor.size() == 0 || ScanCursor::read(scan_cursor).has_value();
}

bool goes_on_within_vertex(capnp::Data::Reader scan_cursor) {
  auto cursor = ScanCursor::read(scan_cursor);
  return cursor && cursor->position.edges_from;
}

std::unique_ptr<Query> make_scan_page(const QueryContext& context, schema::ScanRequest::Reader request,
                                      std::uint32_t max_vertices, std::uint32_t max_bytes) {
  return std::make_unique<ScanQuery>(context, request, max_vertices, max_bytes);
}

}  // namespace engram
