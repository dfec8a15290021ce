#include "actors/partition/core/reads.h"

#include <algorithm>
#include <array>

#include "actors/partition/core/partition_read.h"
#include "actors/partition/core/scan_position.h"
#include "storage/hot/properties.h"

namespace engram {
namespace {

/// In one piece what is usual: each further segment costs an allocation, and far pointers to and from it.
unsigned answer_words(schema::Request::Reader request) {
  constexpr unsigned usual = 256;
  constexpr unsigned a_vertex = 32;
  constexpr unsigned most = 16'384;
  if (!request.isGet()) return usual;
  return std::min(most, usual + request.getGet().getVertices().size() * a_vertex);
}

}  // namespace

bool is_long_read(schema::Request::Reader request) {
  constexpr unsigned many = 2'048;  // vertices or edges
  switch (request.which()) {
    case schema::Request::HOP: return request.getHop().getFrontier().size() > many;
    case schema::Request::GET: return request.getGet().getVertices().size() > many;
    case schema::Request::NEIGHBORS: return request.getNeighbors().getLimit() > many;
    case schema::Request::LOOKUP: return request.getLookup().getLimit() > many;
    case schema::Request::SCAN: return request.getScan().getMaxVertices() > many;
    case schema::Request::LINKS: return true;
    default: return false;
  }
}

ReadOutcome read(PartitionCore& core, schema::Request::Reader request, bool record_misses,
                 const std::vector<TransactionKey>* among) {
  ReadOutcome outcome;
  outcome.needs.generation = core.graph().generation();
  if (record_misses) core.graph().record_misses(&outcome.needs);
  PartitionRead run(core, request, outcome, among);
  outcome.answer = Frame::build<schema::Answer>([&](schema::Answer::Builder answer) { run.run(answer); }, answer_words(request));
  core.graph().record_misses(nullptr);
  if (Status failure = core.graph().take_failure(); !failure.ok())
    outcome.answer = Frame::build<schema::Answer>(
        [&](schema::Answer::Builder answer) { write_error(failure, answer.initError()); });
  if (!outcome.needs.empty()) {
    outcome.kind = ReadOutcome::Kind::missing;
  } else if (!outcome.wait_for.empty()) {
    outcome.kind = ReadOutcome::Kind::locked;
  }
  return outcome;
}

void PartitionRead::run(Answer answer) {
  switch (request_.which()) {
    case schema::Request::FIND_SPACE: return find_space(request_.getFindSpace(), answer);
    case schema::Request::COUNT_SPACES: return count_spaces(request_.getCountSpaces(), answer);
    case schema::Request::LIST_SPACES: return list_spaces(request_.getListSpaces(), answer);
    case schema::Request::DESCRIBE_SPACES: return describe_spaces(answer);
    default: break;
  }
  if (graph_.spaces().find(space_) == nullptr)
    return fail(answer, {Code::unknown_space, "There is no such space; it may have been dropped.", "space"});
  switch (request_.which()) {
    case schema::Request::GET: return get(request_.getGet(), answer);
    case schema::Request::NEIGHBORS: return neighbors(request_.getNeighbors(), answer);
    case schema::Request::DEGREE: return degree(request_.getDegree(), answer);
    case schema::Request::HOP: return hop(request_.getHop(), answer);
    case schema::Request::EDGES: return edges(request_.getEdges(), answer);
    case schema::Request::LOOKUP: return lookup(request_.getLookup(), answer);
    case schema::Request::SCAN: return scan(request_.getScan(), answer);
    case schema::Request::STATISTICS: return statistics(answer);
    case schema::Request::RESOLVE: {
      auto keys = request_.getResolve();
      return resolve(keys, answer.initResolve(keys.size()));
    }
    case schema::Request::LINKS: return links(request_.getLinks(), answer);
    default: return fail(answer, {Code::unsupported, "This partition does not know this request."});
  }
}

/// What a scan or a look-up would find may just be about to be created: it waits for whatever is prepared.
void PartitionRead::wait_for_all() {
  if (!wait_for_locks_) return;
  std::size_t before = outcome_.wait_for.size();
  for (const TransactionKey& key : core_.prepared_transactions()) outcome_.wait_for.push_back(key);
  keep_those_to_wait_for(before);
}

void PartitionRead::keep_those_to_wait_for(std::size_t from) {
  if (among_ == nullptr) return;
  auto late = [&](const TransactionKey& key) { return std::find(among_->begin(), among_->end(), key) == among_->end(); };
  auto& all = outcome_.wait_for;
  all.erase(std::remove_if(all.begin() + static_cast<std::ptrdiff_t>(from), all.end(), late), all.end());
}

void PartitionRead::fail(Answer answer, Status status) { write_error(status, answer.initError()); }

bool PartitionRead::lock_free(std::string_view key, bool edges) {
  if (!wait_for_locks_) return true;
  std::size_t before = outcome_.wait_for.size();
  core_.readers_wait_for(space_, key, edges, outcome_.wait_for);
  keep_those_to_wait_for(before);
  return outcome_.wait_for.size() == before;
}

std::optional<LocalId> PartitionRead::resolve(schema::VertexRef::Reader ref) {
  if (ref.isId()) {
    VertexId id{ref.getId()};
    if (id.partition() != graph_.self()) return std::nullopt;
    return id.local();
  }
  LocalId id;
  auto key = text_of(ref.getKey());
  bool free = lock_free(key, false);  // also for one that is about to be created
  if (graph_.find_key(space_, key, id) != Presence::present || !free) return std::nullopt;
  return id;
}

HotVertex* PartitionRead::head_of(LocalId id) { return if_free(id, graph_.vertex(id), false); }

HotVertex* PartitionRead::edges_of(LocalId id, Side side) { return if_free(id, graph_.vertex_with(id, side), true); }

HotVertex* PartitionRead::if_free(LocalId id, HotVertex* hot, bool edges) {
  if (!wait_for_locks_) return hot;
  if (hot != nullptr) return lock_free(parse_head(hot->head.bytes())->key, edges) ? hot : nullptr;
  if (graph_.presence() != Presence::absent) return nullptr;
  // Perhaps not yet: the other ends of its edges may have been told its id, and their reader asks for it.
  std::size_t before = outcome_.wait_for.size();
  core_.readers_wait_for(VertexId::of(graph_.self(), id), outcome_.wait_for);
  keep_those_to_wait_for(before);
  return nullptr;
}

std::optional<PartitionRead::Named> PartitionRead::named(schema::VertexRef::Reader ref) {
  auto id = resolve(ref);
  HotVertex* hot = id ? head_of(*id) : nullptr;
  // Ids of other spaces are not found: an id must not open a door that the space's rights keep shut.
  if (hot == nullptr || parse_head(hot->head.bytes())->space != space_) return std::nullopt;
  return Named{*id, hot};
}

void PartitionRead::get(schema::GetRequest::Reader request, Answer answer) {
  CompiledProjection projection(request.getProjection(), graph_.dictionary());
  auto refs = request.getVertices();
  auto vertices = answer.initGet().initVertices(refs.size());
  constexpr unsigned ahead = 16;
  for (unsigned i = 0; i < refs.size(); ++i) {
    if (i % ahead == 0 && refs.size() > 1) prefetch(refs, i, std::min(i + ahead, refs.size()));
    auto id = resolve(refs[i]);
    HotVertex* hot = id ? head_of(*id) : nullptr;
    if (hot == nullptr) continue;
    auto head = parse_head(hot->head.bytes());
    if (!head.ok() || head->space != space_) continue;
    if (!write_vertex(projection, *id, *head, vertices[i])) return fail_too_large(answer, "vertices");
  }
}

bool PartitionRead::write_vertex(const CompiledProjection& projection, LocalId id, const VertexHead& head,
                                 schema::Vertex::Builder out) {
  constexpr std::size_t large = 4096;  // so many bytes are worth to be counted, since the projection may leave them out
  projection.write_vertex(head, VertexId::of(graph_.self(), id), out);
  std::size_t bytes = head.properties.size() < large ? head.properties.size()
                                                     : out.asReader().totalSize().wordCount * sizeof(capnp::word);
  return has_room_for(bytes + head.key.size());
}

void PartitionRead::fail_too_large(Answer answer, const char* what) {
  fail(answer, {Code::limit_exceeded, "What is asked for is too large for one reply; ask for less at a time.", what,
                max_answer_bytes});
}

void PartitionRead::prefetch(capnp::List<schema::VertexRef>::Reader refs, unsigned from, unsigned to) {
  std::array<HotTier::KeyHint, 16> hints;
  std::size_t count = 0;
  for (unsigned i = from; i < to; ++i) {
    if (refs[i].isKey()) hints[count++] = {text_of(refs[i].getKey()), std::nullopt};
    if (refs[i].isId()) graph_.hot().prefetch(VertexId{refs[i].getId()}.local());
  }
  graph_.hot().prefetch_keys(space_, {hints.data(), count});
}

void PartitionRead::resolve(capnp::List<capnp::Text>::Reader keys, capnp::List<std::uint64_t>::Builder ids) {
  for (unsigned i = 0; i < keys.size(); ++i) {
    LocalId id;
    bool free = lock_free(text_of(keys[i]), false);  // also for one that is about to be created
    bool there = graph_.find_key(space_, text_of(keys[i]), id) == Presence::present && free;
    ids.set(i, (there ? VertexId::of(graph_.self(), id) : ResolvedKeys::absent).value);
  }
}

std::optional<EdgeSlot> PartitionRead::take_edges(Scanned& from, std::size_t max_bytes, std::size_t& bytes) {
  constexpr std::size_t bytes_around = 128;  // of an edge beside its properties
  EdgeEntry entry;
  for (auto cursor = from.out.seek(from.from); cursor.next(entry); ++from.edges) {
    if (from.edges > 0 && bytes >= max_bytes) return entry.slot;
    bytes += bytes_around + entry.properties.size();
  }
  return std::nullopt;
}

void PartitionRead::scan(schema::ScanPart::Reader part, Answer answer) {
  auto scan = part.getScan();
  wait_for_all();
  CompiledVertexFilter filter;
  if (Status status = filter.compile(scan.getFilter(), graph_.dictionary()); !status.ok()) return fail(answer, status);
  CompiledProjection projection(scan.getProjection(), graph_.dictionary());
  auto label = scan.getLabel().size() == 0 ? std::optional(Postings::all) : graph_.dictionary().find(text_of(scan.getLabel()));
  auto page = answer.initScan();
  auto from = scan.getCursor().size() == 0 ? ScanPosition() : ScanPosition::read(scan.getCursor());
  if (!from) return fail(answer, {Code::invalid_argument, "This is not a cursor that a page contained.", "cursor"});
  if (!label) return;
  std::vector<Scanned> found;
  std::size_t bytes = 0;
  std::size_t looked_at = 0;
  std::optional<ScanPosition> next;
  graph_.postings().for_each_from(space_, *label, from->vertex, [&](LocalId id) {
    // Bounds also what is looked at: a filter that admits nothing must not hold the partition.
    if (found.size() >= part.getMaxVertices() || bytes >= part.getMaxBytes() || ++looked_at > 10'000) {
      next = {id, std::nullopt};
      return false;
    }
    bool goes_on = from->edges_from && id == from->vertex;
    HotVertex* hot = scan.getEdges() ? edges_of(id, Side::out) : head_of(id);
    if (hot == nullptr || (!goes_on && !filter.admit(parse_head(hot->head.bytes()).value()))) return true;
    Scanned one{id, hot->head, {}, goes_on ? *from->edges_from : first_slot, 0, goes_on};
    bytes += one.head.size() + 64;
    std::optional<EdgeSlot> rest;
    if (scan.getEdges()) {
      one.out = hot->out;
      rest = take_edges(one, part.getMaxBytes(), bytes);
    }
    found.push_back(std::move(one));
    if (rest) next = {id, rest};
    return !rest;
  });
  write_scan(projection, found, page);
  if (!next) return;
  page.setEdgesGoOn(next->edges_from.has_value());
  Packer packed;
  next->write(packed);
  page.setCursor({reinterpret_cast<const kj::byte*>(packed.bytes().data()), packed.bytes().size()});
}

void PartitionRead::write_scan(const CompiledProjection& projection, const std::vector<Scanned>& found,
                               schema::ScanPage::Builder page) {
  std::size_t edge_count = 0;
  unsigned vertex_count = 0;
  for (const Scanned& one : found) {
    edge_count += one.edges;
    vertex_count += one.goes_on ? 0 : 1;
  }
  auto vertices = page.initVertices(vertex_count);
  unsigned at = 0;
  for (const Scanned& one : found) {
    if (one.goes_on) continue;
    projection.write_vertex(parse_head(one.head.bytes()).value(), VertexId::of(graph_.self(), one.id), vertices[at++]);
  }
  if (edge_count == 0) return;
  auto edges = page.initEdges(static_cast<unsigned>(edge_count));
  at = 0;
  for (const Scanned& one : found) {
    auto head = parse_head(one.head.bytes()).value();
    EdgeEntry entry;
    auto cursor = one.out.seek(one.from);
    for (std::size_t i = 0; i < one.edges && cursor.next(entry); ++i)
      write_edge(projection, VertexId::of(graph_.self(), one.id), head.key, Side::out, entry, edges[at++]);
  }
}

void PartitionRead::statistics(Answer answer) {
  wait_for_all();
  auto statistics = answer.initStatistics();
  const Space& space = *graph_.spaces().find(space_);
  graph_.spaces().write_info(space, statistics.initSpace());
  auto labels = graph_.postings().labels(space_);
  std::erase_if(labels, [](const auto& label) { return label.first == Postings::all; });
  auto out = statistics.initLabels(static_cast<unsigned>(labels.size()));
  for (unsigned i = 0; i < labels.size(); ++i) {
    out[i].setName(whole_text(std::string(graph_.dictionary().name(labels[i].first))));
    out[i].setCount(labels[i].second);
  }
  auto types = statistics.initTypes(static_cast<unsigned>(space.counts.types.size()));
  for (unsigned i = 0; i < types.size(); ++i) {
    types[i].setName(whole_text(std::string(graph_.dictionary().name(space.counts.types[i].first))));
    types[i].setCount(space.counts.types[i].second);
  }
  auto indexes = statistics.initIndexes(static_cast<unsigned>(space.indexes.size()));
  for (unsigned i = 0; i < indexes.size(); ++i) write_index(space.indexes[i], indexes[i]);
  std::vector<const DeclaredIndex*> unready;
  for (const DeclaredIndex& index : space.indexes)
    if (!index.ready) unready.push_back(&index);
  auto building = statistics.initBuilding(static_cast<unsigned>(unready.size()));
  for (unsigned i = 0; i < building.size(); ++i) write_index(*unready[i], building[i]);
}

void PartitionRead::write_index(const DeclaredIndex& index, schema::Index::Builder out) {
  out.setLabel(whole_text(std::string(graph_.dictionary().name(index.label))));
  out.setProperty(whole_text(std::string(graph_.dictionary().name(index.property))));
}

/// A partition that is not the name's home knows a spread space from the moment its creation is acknowledged. It speaks for
/// the home until it has voted for the drop, without which the home drops nothing: what it names was there when it was asked.
void PartitionRead::find_space(capnp::Text::Reader name, Answer answer) {
  const Space* space = graph_.spaces().find_name(text_of(name));
  for (const Space* known : graph_.spaces().find_elsewhere(text_of(name)))
    if (!core_.may_be_dropped(known->route.id)) space = known;
  if (space == nullptr) return fail(answer, {Code::unknown_space, "There is no space of this name.", "name"});
  graph_.spaces().write_info(*space, answer.initFindSpace());
}

void PartitionRead::count_spaces(capnp::List<std::uint64_t>::Reader ids, Answer answer) {
  wait_for_all();
  auto list = answer.initListSpaces(ids.size());
  for (unsigned i = 0; i < ids.size(); ++i)
    if (const Space* space = graph_.spaces().find({ids[i]})) graph_.spaces().write_info(*space, list[i]);
}

void PartitionRead::list_spaces(schema::ListSpaces::Reader request, Answer answer) {
  std::vector<const Space*> spaces;
  graph_.spaces().list(text_of(request.getAfter()), request.getLimit(),
                       [&](const Space& space) { spaces.push_back(&space); });
  auto list = answer.initListSpaces(static_cast<unsigned>(spaces.size()));
  for (unsigned i = 0; i < spaces.size(); ++i) graph_.spaces().write_info(*spaces[i], list[i]);
}

void PartitionRead::describe_spaces(Answer answer) {
  std::vector<const Space*> spaces;
  for (SpaceId id : graph_.spaces().all())
    if (const Space* space = graph_.spaces().find(id); space != nullptr && space->route.placement == Placement::spread)
      spaces.push_back(space);
  auto list = answer.initDescribeSpaces().initSpaces(static_cast<unsigned>(spaces.size()));
  for (unsigned i = 0; i < spaces.size(); ++i) {
    graph_.spaces().write_info(*spaces[i], list[i].initInfo());
    auto indexes = list[i].initIndexes(static_cast<unsigned>(spaces[i]->indexes.size()));
    for (unsigned j = 0; j < indexes.size(); ++j) write_index(spaces[i]->indexes[j], indexes[j]);
  }
}

}  // namespace engram
