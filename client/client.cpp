#include "client/engram/client.h"

#include "client/client_impl.h"
#include "client/convert.h"
#include "client/ticket.h"

namespace engram::client {

namespace {

/// A command that creates, drops or changes a space or an index; `fill` writes the union member.
template <typename Fill>
MakeCommand admin_command(SpaceId space, Fill fill) {
  return [space, fill](const CommandHeader& header) {
    capnp::MallocMessageBuilder message;
    auto command = message.initRoot<schema::Command>();
    set_header(command, header);
    command.setSpace(space.value);
    fill(command);
    return encode(message, false);
  };
}

Outcome submit_admin(Client::Impl& client, MakeCommand make_command) {
  Ticket ticket(client, Channel::admin, std::move(make_command), 0);
  ticket.start();
  return ticket.settle();
}

Outcome failed(const Status& status) {
  Outcome outcome;
  outcome.fate = Fate::failed;
  outcome.status = status;
  return outcome;
}

/// The id of a space by its name.
Result<SpaceId> find_space(Client::Impl& client, std::string_view name) {
  auto opened = client.call<OpenSpace>(
      0, [&](Live& live, std::uint32_t) { return open_space(live.session, std::string(name)); });
  if (!opened.ok()) return opened.status();
  return opened->info.id;
}

}  // namespace

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<Client> Client::connect(Options options) {
  auto wait_ms = options.connect_wait_ms;
  auto attempt_ms = options.timeout_ms;
  try {
    auto impl = std::make_unique<Impl>(std::move(options));
    auto status = wait_ms == 0 ? impl->try_each_server(now() + attempt_ms * kj::MILLISECONDS)
                               : impl->ensure_live(now() + wait_ms * kj::MILLISECONDS);
    if (!status.ok()) return status;
    return Client(std::move(impl));
  } catch (const kj::Exception& error) {
    return Status(Code::internal, std::string("cannot set up an event loop: ") + error.getDescription().cStr() +
                                      ". A thread that runs a kj event loop uses Connection, not Client");
  }
}

const ServerInfo& Client::server() const { return impl_->server(); }
const SpaceInfo& Client::space() const { return impl_->space(); }

PartitionId Client::owner_of(std::string_view key) const { return impl_->owner_of(key); }
Status Client::use_space(std::string_view name) { return impl_->use_space(name); }

Result<std::int64_t> Client::ping(std::size_t payload_bytes) {
  std::string payload(payload_bytes, 'p');
  return impl_->call<std::int64_t>(0, [&](Live& live, std::uint32_t) -> kj::Promise<Result<std::int64_t>> {
    auto request = live.connection->engram().pingRequest();
    request.setPayload(as_data(payload));
    auto started = now();
    return request.send().then(
        [started](auto&&) -> Result<std::int64_t> { return (now() - started) / kj::NANOSECONDS; });
  });
}

// --- Changes

Outcome Client::submit(Batch& batch, std::uint32_t timeout_ms) {
  Ticket ticket(*impl_, Channel::writer, [&](const CommandHeader& header) { return batch.impl().encode(header); },
                timeout_ms, batch.impl().first_key());
  ticket.start();
  return ticket.settle();
}

Outcome Client::ask_again(Batch& batch, const Outcome& unknown, std::uint32_t timeout_ms) {
  if (unknown.fate != Fate::unknown) return unknown;
  if (!impl_->is_outstanding(unknown.sequence)) {
    auto outcome = unknown;
    outcome.status = Status(Code::session_expired, "that change is too long ago: read what it was to change");
    return outcome;
  }
  Ticket ticket(*impl_, Channel::writer, [&](const CommandHeader& header) { return batch.impl().encode(header); },
                timeout_ms, batch.impl().first_key());
  ticket.start(unknown.sequence);
  return ticket.settle();
}

// --- Reads

Result<std::vector<Vertex>> Client::get(std::span<const VertexRef> vertices, const Projection& projection,
                                        std::uint32_t timeout_ms) {
  const VertexRef* about = vertices.empty() ? nullptr : &vertices.front();
  return impl_->read<std::vector<Vertex>>(timeout_ms, about, [&](schema::Reader::Client reader, std::uint32_t limit_ms) {
    return client::get(kj::mv(reader), vertices, projection, limit_ms);
  });
}

Result<Vertex> Client::get(const VertexRef& vertex, const Projection& projection, std::uint32_t timeout_ms) {
  auto found = get(std::span(&vertex, 1), projection, timeout_ms);
  if (!found.ok()) return found.status();
  if (found->empty() || !found->front().found) {
    const auto* key = std::get_if<std::string>(&vertex.name);
    return Status(Code::unknown_vertex, key ? "there is no vertex '" + *key + "'" : "there is no vertex with this id");
  }
  return std::move(found->front());
}

Result<std::vector<Edge>> Client::get_edges(std::span<const EdgeKey> edges, const Projection& projection,
                                            std::uint32_t timeout_ms) {
  VertexRef source(edges.empty() ? std::string() : edges.front().source);
  const VertexRef* about = edges.empty() ? nullptr : &source;
  return impl_->read<std::vector<Edge>>(timeout_ms, about, [&](schema::Reader::Client reader, std::uint32_t limit_ms) {
    return client::get_edges(kj::mv(reader), edges, projection, limit_ms);
  });
}

Result<NeighborsPage> Client::neighbors(const VertexRef& vertex, const NeighborsQuery& query,
                                        std::uint32_t timeout_ms) {
  return impl_->read<NeighborsPage>(timeout_ms, &vertex, [&](schema::Reader::Client reader, std::uint32_t limit_ms) {
    return client::neighbors(kj::mv(reader), vertex, query, limit_ms);
  });
}

Result<Degree> Client::degree(const VertexRef& vertex, std::span<const std::string> types, std::uint32_t timeout_ms) {
  return impl_->read<Degree>(timeout_ms, &vertex, [&](schema::Reader::Client reader, std::uint32_t limit_ms) {
    return client::degree(kj::mv(reader), vertex, types, limit_ms);
  });
}

Result<Expansion> Client::expand(const ExpandQuery& query, std::uint32_t timeout_ms) {
  const VertexRef* about = query.seeds.empty() ? nullptr : &query.seeds.front();
  return impl_->read<Expansion>(timeout_ms, about, [&](schema::Reader::Client reader, std::uint32_t limit_ms) {
    return client::expand(kj::mv(reader), query, limit_ms);
  });
}

Result<Path> Client::path(const VertexRef& source, const VertexRef& target, const PathQuery& query,
                          std::uint32_t timeout_ms) {
  return impl_->read<Path>(timeout_ms, &source, [&](schema::Reader::Client reader, std::uint32_t limit_ms) {
    return client::path(kj::mv(reader), source, target, query, limit_ms);
  });
}

Result<Recall> Client::recall(const RecallQuery& query, std::uint32_t timeout_ms) {
  const VertexRef* about = query.seeds.empty() ? nullptr : &query.seeds.front().vertex;
  return impl_->read<Recall>(timeout_ms, about, [&](schema::Reader::Client reader, std::uint32_t limit_ms) {
    return client::recall(kj::mv(reader), query, limit_ms);
  });
}

Result<Lookup> Client::lookup(const LookupQuery& query, std::uint32_t timeout_ms) {
  return impl_->read<Lookup>(timeout_ms, nullptr, [&](schema::Reader::Client reader, std::uint32_t limit_ms) {
    return client::lookup(kj::mv(reader), query, limit_ms);
  });
}

Result<Statistics> Client::statistics(std::uint32_t timeout_ms) {
  return impl_->read<Statistics>(timeout_ms, nullptr, [&](schema::Reader::Client reader, std::uint32_t limit_ms) {
    return client::statistics(kj::mv(reader), limit_ms);
  });
}

// --- Spaces and the engine

Result<std::vector<SpaceInfo>> Client::list_spaces() {
  return impl_->call<std::vector<SpaceInfo>>(
      0, [&](Live& live, std::uint32_t) { return client::list_spaces(live.session, std::string()); });
}

Outcome Client::create_space(std::string_view name, Placement placement, const Quota& quota) {
  return submit_admin(*impl_, admin_command({}, [&](schema::Command::Builder command) {
                        auto create = command.initCreateSpace();
                        create.setName(text(std::string(name)));
                        create.setPlacement(static_cast<schema::Placement>(placement));
                        write(quota, create.initQuota());
                      }));
}

Outcome Client::drop_space(std::string_view name) {
  auto space = find_space(*impl_, name);
  if (!space.ok()) return failed(space.status());
  return submit_admin(*impl_, admin_command(*space, [](schema::Command::Builder command) { command.setDropSpace(); }));
}

Outcome Client::set_quota(std::string_view name, const Quota& quota) {
  auto space = find_space(*impl_, name);
  if (!space.ok()) return failed(space.status());
  return submit_admin(*impl_, admin_command(*space, [&](schema::Command::Builder command) {
                        write(quota, command.initSetQuota());
                      }));
}

Outcome Client::declare_index(const Index& index) {
  if (auto status = impl_->check_space(); !status.ok()) return failed(status);
  return submit_admin(*impl_, admin_command(space().id, [&](schema::Command::Builder command) {
                        write(index, command.initDeclareIndex());
                      }));
}

Outcome Client::drop_index(const Index& index) {
  if (auto status = impl_->check_space(); !status.ok()) return failed(status);
  return submit_admin(*impl_, admin_command(space().id, [&](schema::Command::Builder command) {
                        write(index, command.initDropIndex());
                      }));
}

Result<std::string> Client::engine_statistics() {
  return impl_->call<std::string>(0, [](Live& live, std::uint32_t) {
    return open_admin(live.session).then([](Result<schema::Admin::Client>&& admin) -> kj::Promise<Result<std::string>> {
      if (!admin.ok()) return Result<std::string>(admin.status());
      return admin->statisticsRequest().send().then([](auto&& response) -> Result<std::string> {
        if (auto status = client::read(response.getError()); !status.ok()) return status;
        return to_string(response.getJson());
      });
    });
  });
}

Result<std::uint32_t> Client::finalize() {
  return impl_->call<std::uint32_t>(0, [](Live& live, std::uint32_t) {
    return open_admin(live.session).then([](Result<schema::Admin::Client>&& admin) -> kj::Promise<Result<std::uint32_t>> {
      if (!admin.ok()) return Result<std::uint32_t>(admin.status());
      return admin->finalizeRequest().send().then([](auto&& response) -> Result<std::uint32_t> {
        if (auto status = client::read(response.getError()); !status.ok()) return status;
        return response.getLevel();
      });
    });
  });
}

Status Client::forget_volume(std::uint32_t ordinal) {
  auto done = impl_->call<bool>(0, [ordinal](Live& live, std::uint32_t) {
    return open_admin(live.session).then([ordinal](Result<schema::Admin::Client>&& admin) -> kj::Promise<Result<bool>> {
      if (!admin.ok()) return Result<bool>(admin.status());
      auto request = admin->forgetVolumeRequest();
      request.setOrdinal(ordinal);
      return request.send().then([](auto&& response) -> Result<bool> {
        if (auto status = client::read(response.getError()); !status.ok()) return status;
        return true;
      });
    });
  });
  return done.status();
}

}  // namespace engram::client
