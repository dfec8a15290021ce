// Look-up in an index: every partition answers its share in order, and the shares are merged by value, then by id.

#include <algorithm>

#include "actors/query/round_query.h"
#include "storage/hot/properties.h"

namespace engram {
namespace {

class LookupQuery final : public ReplyQuery<schema::LookupReply> {
 public:
  LookupQuery(const QueryContext& context, schema::LookupRequest::Reader request)
      : ReplyQuery(context), request_(request), property_(text_of(request.getIndex().getProperty())) {}

  void start(QueryHost& host) override {
    auto projection = request_.getProjection();
    // Equal values need no merging by value; otherwise the value has to come along, asked for or not.
    bool has_value = projection.getProperties() && (projection.getOnly().size() == 0 || only_names_property());
    value_added_ = !request_.isEqual() && !has_value;
    for (PartitionId partition : partitions_of_space())
      ask(partition, [&](schema::Request::Builder builder) {
        builder.setLookup(request_);
        if (value_added_) add_value(builder.getLookup().getProjection());
      });
    gather(host, [this](QueryHost& to) { reply(to); });
  }

 private:
  struct Hit {
    schema::Vertex::Reader vertex;
    std::string value;     // packed
    std::string sort_key;  // of the value
  };

  [[nodiscard]] bool only_names_property() const {
    for (auto name : request_.getProjection().getOnly())
      if (text_of(name) == property_) return true;
    return false;
  }

  void add_value(schema::Projection::Builder projection) const {
    auto wanted = request_.getProjection().getOnly();
    unsigned kept = request_.getProjection().getProperties() ? wanted.size() : 0;
    auto only = projection.initOnly(kept + 1);
    for (unsigned i = 0; i < kept; ++i) only.set(i, wanted[i]);
    only.set(kept, request_.getIndex().getProperty());
    projection.setProperties(true);
  }

  [[nodiscard]] Hit hit(schema::Vertex::Reader vertex) const {
    constexpr std::size_t compared_bytes = 256;  // of long texts; compare_values settles the rest
    Hit hit{vertex, {}, {}};
    if (request_.isEqual()) return hit;
    for (auto property : vertex.getProperties()) {
      if (text_of(property.getName()) != property_) continue;
      if (pack_value(property.getValue(), hit.value).ok())
        append_sort_key(as_bytes(hit.value), compared_bytes, hit.sort_key);
      break;
    }
    return hit;
  }

  static bool before(const Hit& left, const Hit& right) {
    if (left.sort_key != right.sort_key) return left.sort_key < right.sort_key;
    int order = compare_values(as_bytes(left.value), as_bytes(right.value)).value_or(0);
    return order != 0 ? order < 0 : left.vertex.getId() < right.vertex.getId();
  }

  void reply(QueryHost& host) {
    std::vector<Hit> hits;
    bool more = false;
    for (std::size_t i = 0; i < answers(); ++i) {
      auto part = answer(i).getLookup();
      more = more || part.getExceeded() == schema::Limit::RESULTS;
      for (auto vertex : part.getVertices()) hits.push_back(hit(vertex));
    }
    std::sort(hits.begin(), hits.end(), before);
    if (hits.size() > request_.getLimit()) {
      more = true;
      hits.resize(request_.getLimit());
    }
    std::size_t bytes = 0, fitting = 0;
    while (fitting < hits.size() && bytes <= max_reply_bytes)
      bytes += hits[fitting++].vertex.totalSize().wordCount * sizeof(capnp::word);
    bool cut = fitting < hits.size();
    hits.resize(fitting);
    finish(host, Frame::build<schema::LookupReply>([&](schema::LookupReply::Builder builder) {
             builder.setExceeded(cut ? schema::Limit::BYTES : more ? schema::Limit::RESULTS : schema::Limit::NONE);
             auto list = builder.initVertices(static_cast<unsigned>(hits.size()));
             for (unsigned i = 0; i < list.size(); ++i) {
               list.setWithCaveats(i, hits[i].vertex);
               if (value_added_) remove_value(hits[i].vertex, list[i]);
             }
           }));
  }

  void remove_value(schema::Vertex::Reader from, schema::Vertex::Builder to) const {
    std::vector<schema::Property::Reader> kept;
    for (auto property : from.getProperties())
      if (text_of(property.getName()) != property_) kept.push_back(property);
    auto list = to.initProperties(static_cast<unsigned>(kept.size()));
    for (unsigned i = 0; i < list.size(); ++i) list.setWithCaveats(i, kept[i]);
  }

  schema::LookupRequest::Reader request_;
  std::string property_;
  bool value_added_ = false;
};

}  // namespace

std::unique_ptr<Query> make_lookup(const QueryContext& context, schema::LookupRequest::Reader request) {
  return std::make_unique<LookupQuery>(context, request);
}

}  // namespace engram
