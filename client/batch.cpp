#include "client/engram/batch.h"

#include <algorithm>
#include <cstring>

#include <capnp/orphan.h>
#include <capnp/serialize.h>

#include "client/batch_impl.h"
#include "client/convert.h"

namespace engram::client {

namespace {

// An edge without properties takes about 16 words, a vertex with three properties about 30.
constexpr std::size_t words_per_operation = 20;
constexpr std::size_t max_first_segment_words = 4 * 1024 * 1024 / sizeof(capnp::word);

unsigned first_segment_words(std::size_t expected_operations) {
  return static_cast<unsigned>(std::min(expected_operations * words_per_operation + 64, max_first_segment_words));
}

/// Copies a view into a Text field; `init` is the field's init function.
template <typename Init>
void set_text(std::string_view from, Init init) {
  auto to = init(static_cast<unsigned>(from.size()));
  if (!from.empty()) std::memcpy(to.begin(), from.data(), from.size());
}

void write_edge_key(std::string_view source, std::string_view type, std::string_view target, std::int64_t rank,
                    schema::EdgeKey::Builder to) {
  set_text(source, [&](unsigned size) { return to.initSource(size); });
  set_text(type, [&](unsigned size) { return to.initType(size); });
  set_text(target, [&](unsigned size) { return to.initTarget(size); });
  if (rank != 0) to.setRank(rank);
}

void move_operation(schema::Operation::Builder from, schema::Operation::Builder to) {
  switch (from.which()) {
    case schema::Operation::PUT_VERTEX: to.adoptPutVertex(from.disownPutVertex()); break;
    case schema::Operation::DELETE_VERTEX: to.adoptDeleteVertex(from.disownDeleteVertex()); break;
    case schema::Operation::PUT_EDGE: to.adoptPutEdge(from.disownPutEdge()); break;
    case schema::Operation::DELETE_EDGE: to.adoptDeleteEdge(from.disownDeleteEdge()); break;
  }
}

}  // namespace

void set_header(schema::Command::Builder command, const CommandHeader& header) {
  command.setSession(header.session);
  command.setSequence(header.sequence);
  command.setFirstIncomplete(header.first_incomplete);
  command.setSpace(header.space.value);
}

EncodedCommand encode(capnp::MessageBuilder& message, bool compact) {
  if (message.getSegmentsForOutput().size() == 1 && !compact) return capnp::messageToFlatArray(message);
  auto command = message.getRoot<schema::Command>().asReader();
  capnp::MallocMessageBuilder copy(static_cast<unsigned>(command.totalSize().wordCount + 1));
  copy.setRoot(command);
  return capnp::messageToFlatArray(copy);
}

Batch::Impl::Impl(std::size_t expected_operations)
    : message(first_segment_words(expected_operations)),
      command(message.initRoot<schema::Command>()),
      batch(command.initBatch()),
      operations(batch.initOperations(static_cast<unsigned>(std::max<std::size_t>(expected_operations, 1)))) {}

/// As the engine chooses it: actors/partition/command_check.h, coordinator_of.
std::optional<VertexRef> Batch::Impl::first_key() const {
  if (operation_count == 0) return std::nullopt;
  auto first = batch.asReader().getOperations()[0];
  switch (first.which()) {
    case schema::Operation::PUT_VERTEX: return VertexRef(to_string(first.getPutVertex().getKey()));
    case schema::Operation::DELETE_VERTEX: return VertexRef(to_string(first.getDeleteVertex().getKey()));
    case schema::Operation::PUT_EDGE: return VertexRef(to_string(first.getPutEdge().getEdge().getSource()));
    case schema::Operation::DELETE_EDGE: return VertexRef(to_string(first.getDeleteEdge().getSource()));
  }
  return std::nullopt;
}

schema::Operation::Builder Batch::Impl::next_operation() {
  KJ_REQUIRE(!sealed, "a batch that was submitted cannot be added to");
  if (operation_count == operations.size()) grow_operations();
  return operations[operation_count++];
}

void Batch::Impl::grow_operations() {
  auto old = operations;
  auto orphan = message.getOrphanage().newOrphan<capnp::List<schema::Operation>>(old.size() * 2);
  auto grown = orphan.get();
  for (unsigned i = 0; i < operation_count; ++i) move_operation(old[i], grown[i]);
  batch.adoptOperations(kj::mv(orphan));
  operations = batch.getOperations();
  has_gaps = true;
}

schema::Precondition::Builder Batch::Impl::next_precondition() {
  KJ_REQUIRE(!sealed, "a batch that was submitted cannot be added to");
  if (precondition_count == preconditions.size()) grow_preconditions();
  return preconditions[precondition_count++];
}

void Batch::Impl::grow_preconditions() {
  if (precondition_count == 0) {
    preconditions = batch.initPreconditions(1);
    return;
  }
  // Few batches have many: a copy is fine.
  auto orphan = message.getOrphanage().newOrphan<capnp::List<schema::Precondition>>(preconditions.size() * 2);
  auto grown = orphan.get();
  for (unsigned i = 0; i < precondition_count; ++i) grown.setWithCaveats(i, preconditions[i].asReader());
  batch.adoptPreconditions(kj::mv(orphan));
  preconditions = batch.getPreconditions();
  has_gaps = true;
}

void Batch::Impl::seal() {
  sealed = true;
  if (operation_count < operations.size()) {
    auto orphan = batch.disownOperations();
    orphan.truncate(operation_count);
    batch.adoptOperations(kj::mv(orphan));
    has_gaps = true;
  }
  if (precondition_count < preconditions.size()) {
    auto orphan = batch.disownPreconditions();
    orphan.truncate(precondition_count);
    batch.adoptPreconditions(kj::mv(orphan));
    has_gaps = true;
  }
}

EncodedCommand Batch::Impl::encode(const CommandHeader& header) {
  if (!sealed) seal();
  set_header(command, header);
  return client::encode(message, has_gaps);
}

Batch::Batch(std::size_t expected_operations) : impl_(std::make_unique<Impl>(expected_operations)) {}
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

std::size_t Batch::operations() const { return impl_->operation_count; }
std::size_t Batch::size_bytes() const { return impl_->message.sizeInWords() * sizeof(capnp::word) + 8; }

Batch Batch::slice(std::size_t first, std::size_t count) const {
  Batch part(count);
  auto from = impl_->batch.asReader().getOperations();
  for (std::size_t i = first; i < first + count; ++i) {
    // The place is an element of a list of structs: copying into it is what "with caveats" warns of, and what is wanted.
    part.impl_->operations.setWithCaveats(part.impl_->operation_count++, from[static_cast<unsigned>(i)]);
  }
  return part;
}

std::vector<std::string> Batch::keys_of(std::size_t operation) const {
  auto read = impl_->batch.asReader().getOperations()[static_cast<unsigned>(operation)];
  auto ends = [](schema::EdgeKey::Reader edge) {
    return std::vector<std::string>{to_string(edge.getSource()), to_string(edge.getTarget())};
  };
  switch (read.which()) {
    case schema::Operation::PUT_VERTEX: return {to_string(read.getPutVertex().getKey())};
    case schema::Operation::DELETE_VERTEX: return {to_string(read.getDeleteVertex().getKey())};
    case schema::Operation::PUT_EDGE: return ends(read.getPutEdge().getEdge());
    case schema::Operation::DELETE_EDGE: return ends(read.getDeleteEdge());
  }
  return {};
}

Batch& Batch::put_vertex(std::string_view key, const VertexOptions& options) {
  auto put = impl_->next_operation().initPutVertex();
  set_text(key, [&](unsigned size) { return put.initKey(size); });
  put.setMode(static_cast<schema::PutMode>(options.mode));
  if (!options.labels.empty()) write(options.labels, put.initLabels(static_cast<unsigned>(options.labels.size())));
  if (!options.remove_labels.empty())
    write(options.remove_labels, put.initRemoveLabels(static_cast<unsigned>(options.remove_labels.size())));
  if (!options.properties.empty())
    write(options.properties, put.initProperties(static_cast<unsigned>(options.properties.size())));
  put.setReplace(options.replace);
  return *this;
}

Batch& Batch::delete_vertex(std::string_view key, bool if_exists) {
  auto remove = impl_->next_operation().initDeleteVertex();
  set_text(key, [&](unsigned size) { return remove.initKey(size); });
  remove.setIfExists(if_exists);
  return *this;
}

Batch& Batch::link(std::string_view source, std::string_view type, std::string_view target,
                   const EdgeOptions& options) {
  auto put = impl_->next_operation().initPutEdge();
  write_edge_key(source, type, target, options.rank, put.initEdge());
  put.setMode(static_cast<schema::PutMode>(options.mode));
  put.setWeight(options.weight);
  put.setKeepWeight(options.keep_weight);
  if (!options.properties.empty())
    write(options.properties, put.initProperties(static_cast<unsigned>(options.properties.size())));
  put.setReplace(options.replace);
  put.setCreateMissing(options.create_missing);
  return *this;
}

Batch& Batch::unlink(const EdgeKey& edge, bool if_exists) {
  auto remove = impl_->next_operation().initDeleteEdge();
  write(edge, remove);
  remove.setIfExists(if_exists);
  return *this;
}

namespace {
schema::Precondition::Builder on_vertex(schema::Precondition::Builder precondition, std::string_view key) {
  set_text(key, [&](unsigned size) { return precondition.getSubject().initVertex(size); });
  return precondition;
}
schema::Precondition::Builder on_edge(schema::Precondition::Builder precondition, const EdgeKey& edge) {
  write(edge, precondition.getSubject().initEdge());
  return precondition;
}
void equals(schema::Precondition::Builder precondition, const Property& property) {
  auto to = precondition.initPropertyEquals();
  to.setName(text(property.name));
  write(property.value, to.initValue());
}
}  // namespace

Batch& Batch::require_vertex(std::string_view key) {
  on_vertex(impl_->next_precondition(), key).setExists();
  return *this;
}
Batch& Batch::require_no_vertex(std::string_view key) {
  on_vertex(impl_->next_precondition(), key).setAbsent();
  return *this;
}
Batch& Batch::require_vertex_version(std::string_view key, std::uint64_t version) {
  on_vertex(impl_->next_precondition(), key).setVersionEquals(version);
  return *this;
}
Batch& Batch::require_vertex_property(std::string_view key, const Property& property) {
  equals(on_vertex(impl_->next_precondition(), key), property);
  return *this;
}
Batch& Batch::require_edge(const EdgeKey& edge) {
  on_edge(impl_->next_precondition(), edge).setExists();
  return *this;
}
Batch& Batch::require_no_edge(const EdgeKey& edge) {
  on_edge(impl_->next_precondition(), edge).setAbsent();
  return *this;
}
Batch& Batch::require_edge_version(const EdgeKey& edge, std::uint64_t version) {
  on_edge(impl_->next_precondition(), edge).setVersionEquals(version);
  return *this;
}
Batch& Batch::require_edge_property(const EdgeKey& edge, const Property& property) {
  equals(on_edge(impl_->next_precondition(), edge), property);
  return *this;
}

}  // namespace engram::client
