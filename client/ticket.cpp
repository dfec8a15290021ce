#include "client/ticket.h"

namespace engram::client {

namespace {

/// Refused before the session table was asked: tells nothing about an earlier attempt.
bool refused_at_the_door(Code code) {
  switch (code) {
    case Code::permission_denied:
    case Code::unauthenticated:
    case Code::disk_full:
    case Code::too_large:
    case Code::invalid_argument:
    case Code::unsupported:
    case Code::session_expired:
    case Code::overloaded:
    case Code::internal: return true;
    default: return false;
  }
}

}  // namespace

Ticket::Ticket(Client::Impl& client, Channel channel, MakeCommand make_command, std::uint32_t timeout_ms,
               std::optional<VertexRef> about)
    : client_(client),
      channel_(channel),
      make_command_(std::move(make_command)),
      about_(std::move(about)),
      deadline_(client.deadline_of(timeout_ms)),
      backoff_(client.options()) {}

Ticket::~Ticket() {
  if (!finished_ && sequence_ != 0) client_.give_up_sequence(sequence_);
}

void Ticket::start(std::uint64_t sequence) {
  if (sequence != 0) {
    unsure_ = true;
    client_.resume_sequence(sequence);
  }
  encode(sequence == 0 ? client_.begin_sequence() : sequence);
  if (client_.is_live() && fits()) send();
}

void Ticket::encode(std::uint64_t sequence) {
  sequence_ = sequence;
  command_ = make_command_(client_.header(sequence, client_.space().id));
}

void Ticket::send_if_stale() {
  if (!client_.is_live() || attempts_ == 0 || client_.find(generation_) != nullptr) return;
  unsure_ = true;
  send();
}

void Ticket::postpone(kj::Duration away) {
  deadline_ += away;
}

void Ticket::send() {
  auto& live = client_.live_for(about_ ? &*about_ : nullptr);
  generation_ = live.generation;
  answer_ = nullptr;
  auto limit_ms = Client::Impl::engine_ms(deadline_);
  kj::Maybe<kj::Promise<Outcome>> sent;
  if (channel_ == Channel::admin) {
    KJ_IF_MAYBE (admin, live.admin) sent = submit(*admin, command_.asBytes(), limit_ms);
  } else {
    KJ_IF_MAYBE (space, live.space)
      KJ_IF_MAYBE (writer, space->writer) sent = submit(*writer, command_.asBytes(), limit_ms);
  }
  KJ_IF_MAYBE (promise, sent) {
    ++attempts_;
    answer_ = promise->eagerlyEvaluate(nullptr);   // an answer is taken in when it comes, and not when it is asked for
  }
}

Result<bool> Ticket::prepare_admin() {
  if (client_.live().admin != nullptr) return true;
  auto admin = client_.call<schema::Admin::Client>(
      std::max(1U, milliseconds_until(deadline_)), [](Live& live, std::uint32_t) { return open_admin(live.session); });
  if (!admin.ok()) return admin.status();
  client_.live().admin = kj::mv(admin.value());
  return true;
}

bool Ticket::fits() const {
  auto limit = client_.server().max_command_bytes;
  return limit == 0 || command_.asBytes().size() <= limit;
}

Status Ticket::too_large() const {
  auto limit = client_.server().max_command_bytes;
  return {Code::too_large,
          "the command has " + std::to_string(command_.asBytes().size()) + " bytes, and the engine takes at most " +
              std::to_string(limit) + ": make smaller batches",
          "command", limit};
}

Outcome Ticket::settle() {
  for (;;) {
    if (answer_ == nullptr) {
      if (auto status = client_.ensure_live(deadline_); !status.ok()) return give_up(status);
      if (!fits()) return give_up(too_large());
      if (channel_ == Channel::writer) {
        if (auto status = client_.check_space(); !status.ok()) return give_up(status);
      } else {
        if (auto ready = prepare_admin(); !ready.ok()) return give_up(ready.status());
      }
      send();
      if (answer_ == nullptr)
        return give_up(Status(Code::permission_denied, "the token's role is read: it may not change the graph"));
    }
    auto sent = kj::mv(KJ_ASSERT_NONNULL(answer_));
    answer_ = nullptr;
    auto ended = client_.wait_for_answer<Outcome>(kj::mv(sent), generation_, deadline_);
    auto outcome = ended.is<Outcome>() ? judge(kj::mv(ended.get<Outcome>())) : judge(ended.get<CallError>());
    KJ_IF_MAYBE (final, outcome) return kj::mv(*final);
    if (!client_.pause(backoff_, deadline_)) return give_up(last_);
  }
}

kj::Maybe<Outcome> Ticket::judge(Outcome answer) {
  auto code = answer.status.code();
  last_ = answer.status;
  if (answer.committed()) return finish(Fate::committed, kj::mv(answer));
  if (code == Code::deadline_exceeded || code == Code::unavailable || code == Code::cancelled) {
    unsure_ = true;
    client_.leave_for(last_, generation_);
    return nullptr;
  }
  if (code == Code::overloaded) return nullptr;
  if (code == Code::conflict && client_.options().retry_conflicts) {
    // An attempt whose answer was lost may still be on its way to the partition, which does not remember conflicts: under a
    // new number it would be one change more. Under the old one only one of them takes effect.
    if (unsure_) return nullptr;
    client_.end_sequence(sequence_);
    encode(client_.begin_sequence());
    return nullptr;
  }
  if (code == Code::session_expired && !unsure_ && !renewed_) {
    renewed_ = true;
    client_.renew_session();
    encode(client_.begin_sequence());
    return nullptr;
  }
  return finish(unsure_ && refused_at_the_door(code) ? Fate::unknown : Fate::failed, kj::mv(answer));
}

kj::Maybe<Outcome> Ticket::judge(const CallError& error) {
  // What an engine answered an attempt before says more than that the time is over.
  if (error.failure != Failure::late || last_.ok()) last_ = error.status;
  if (error.failure == Failure::lost) {
    unsure_ = true;
    client_.drop_live(generation_);
    return nullptr;
  }
  // It failed at some point, before or behind the change; or it may have been made, and its answer is late.
  if (error.failure != Failure::refused) unsure_ = true;
  if (is_passing(error.status.code())) return nullptr;
  return give_up(last_);
}

Outcome Ticket::give_up(Status status) {
  Outcome outcome;
  outcome.status = kj::mv(status);
  return finish(unsure_ ? Fate::unknown : Fate::failed, kj::mv(outcome));
}

Outcome Ticket::finish(Fate fate, Outcome answer) {
  answer.fate = fate;
  answer.sequence = sequence_;
  finished_ = true;
  if (fate == Fate::unknown) {
    client_.give_up_sequence(sequence_);
  } else {
    client_.end_sequence(sequence_);
  }
  return answer;
}

}  // namespace engram::client
