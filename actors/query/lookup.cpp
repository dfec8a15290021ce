// Look-up in an index: every partition answers its share in order, and the shares are merged by value, then by id. A page ends
// at its limit of vertices or bytes, and the next one goes on behind its last vertex, in every partition.

#include <algorithm>

#include "actors/partition/core/lookup_position.h"
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
    std::string sort_key;  // of its value; empty if all values are the same
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

  static std::string sort_key_of(schema::Value::Reader value) {
    std::string packed, key;
    if (pack_value(value, packed).ok()) append_sort_key(as_bytes(packed), OrderedIndex::max_sort_key_bytes, key);
    return key;
  }

  [[nodiscard]] Hit hit(schema::Vertex::Reader vertex) const {
    Hit hit{vertex, {}};
    if (request_.isEqual()) return hit;
    for (auto property : vertex.getProperties())
      if (text_of(property.getName()) == property_) hit.sort_key = sort_key_of(property.getValue());
    return hit;
  }

  [[nodiscard]] std::string cursor_behind(const Hit& last) const {
    LookupPosition position{request_.isEqual() ? sort_key_of(request_.getEqual()) : last.sort_key, {last.vertex.getId()}};
    return position.packed();
  }

  void reply(QueryHost& host) {
    std::vector<Hit> hits;
    bool more = false, paged = true;
    for (std::size_t i = 0; i < answers(); ++i) {
      auto part = answer(i).getLookup();
      more = more || part.getExceeded() == schema::Limit::RESULTS;
      paged = paged && part.getPaged();
      for (auto vertex : part.getVertices()) hits.push_back(hit(vertex));
    }
    if (!paged && request_.getCursor().size() > 0)
      return fail(host, {Code::unsupported, "A node of the version before does not go on with look-ups; finish the cluster's upgrade.",
                         "cursor"});
    std::sort(hits.begin(), hits.end(), [](const Hit& left, const Hit& right) {
      int order = left.sort_key.compare(right.sort_key);
      return order != 0 ? order < 0 : left.vertex.getId() < right.vertex.getId();
    });
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
             builder.setPaged(paged);
             if (paged && (cut || more) && !hits.empty()) {
               std::string cursor = cursor_behind(hits.back());
               builder.setCursor({reinterpret_cast<const kj::byte*>(cursor.data()), cursor.size()});
             }
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

bool is_lookup_cursor(capnp::Data::Reader cursor) { return cursor.size() == 0 || LookupPosition::read(cursor).has_value(); }

std::unique_ptr<Query> make_lookup(const QueryContext& context, schema::LookupRequest::Reader request) {
  return std::make_unique<LookupQuery>(context, request);
}

}  // namespace engram
