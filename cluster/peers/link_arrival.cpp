// What arrives on a connection: packets, messages of parts, mail. On the wire's thread.

#include <variant>

#include "cluster/peers/link_core.h"
#include "cluster/peers/link_port.h"
#include "storage/base/planted_bug.h"

namespace engram {

/// What one packet has brought.
struct LinkCore::Arrival {
  std::optional<Incoming> message;
  bool stale = false;
  std::shared_ptr<QuestionPort> port;  // of a question or a submission: the way back
  ReplyPortPtr answered;               // of an answer: who waits for it
  std::shared_ptr<const NodeStatus> status;
  bool more_to_send = false;
};

void LinkCore::receive(std::uint64_t connection, const PacketBytes& packet) {
  if (heard_ != connection) return;  // over, or broken off
  gauges_.received_bytes.fetch_add(packet.size(), std::memory_order_relaxed);
  auto read_here = read_packet(packet);
  Arrival arrival;
  Status status = read_here.status();
  if (status.ok()) status = read(*read_here, arrival);
  if (status.ok()) status = take_in(*read_here, arrival);
  if (!status.ok()) return break_off(status);
  act_on(arrival);
  if (!arrival.more_to_send) return;
  SettledList settled;
  std::unique_lock lock(mutex_);
  pump(lock, settled);
  lock.unlock();
  settle(settled);
}

/// What is done without the lock: puts parts together, and looks whether the whole is sound.
Status LinkCore::read(const LinkPacket& packet, Arrival& arrival) {
  arrival.status = packet.status;
  if (packet.kind == PacketKind::cancel) return assembly_.cancel(packet.message);
  if (packet.kind != PacketKind::part) return {};
  auto whole = assembly_.take(packet);
  if (!whole.ok() || !whole->has_value()) return whole.status();
  auto message = read_message(std::move(**whole), map_.partitions());
  if (!message.ok()) return message.status();
  const MessageHead& head = message->head;
  arrival.stale = head.epoch < map_.epoch(head.to) && !planted_bug("ignore an epoch");
  if (is_asking(head.kind))
    arrival.port = std::make_shared<QuestionPort>(shared_from_this(), *heard_, message->number, head.to);
  arrival.message = std::move(*message);
  return {};
}

Status LinkCore::take_in(const LinkPacket& packet, Arrival& arrival) {
  std::lock_guard lock(mutex_);
  if (Status status = outbox_.acknowledged(packet.taken_bytes); !status.ok()) return status;
  outbox_.heard();
  if (packet.kind == PacketKind::draining) outbox_.hold_back();
  if (packet.kind == PacketKind::part) outbox_.took(packet.bytes.size());
  if (packet.kind == PacketKind::cancel) {
    if (auto found = open_.find(packet.message); found != open_.end()) {
      found->second->cancel();
      open_.erase(found);
    }
  }
  if (arrival.message && arrival.message->head.kind == MessageKind::answer)
    if (Status status = outbox_.answered(arrival.message->head.answers, arrival.answered); !status.ok()) return status;
  if (arrival.port != nullptr) open_.emplace(arrival.port->number(), arrival.port.get());
  arrival.more_to_send = outbox_.has_next();
  return {};
}

void LinkCore::act_on(Arrival& arrival) {
  if (arrival.status != nullptr) host_.told(*arrival.status);
  if (!arrival.message) return;
  Incoming& message = *arrival.message;
  gauges_.received_messages.fetch_add(1, std::memory_order_relaxed);
  if (arrival.stale) return act_on_stale(arrival);
  RequestNumber request{message.head.request};
  switch (message.head.kind) {
    case MessageKind::answer:
      if (arrival.answered != nullptr) arrival.answered->reply(std::move(message.frame));
      return;
    case MessageKind::question:
    case MessageKind::notice:
      return host_.deliver(message.head.to, RequestMail{std::move(message.frame), std::move(arrival.port),
                                                        message.head.from, message.deadline_ns, nullptr, request});
    case MessageKind::submission:
      return host_.deliver(message.head.to,
                           SubmitMail{std::move(message.command), std::move(arrival.port), message.deadline_ns, request});
    case MessageKind::command:
      return host_.deliver(message.head.to, PeerCommandMail{std::move(message.command), request});
  }
}

void LinkCore::act_on_stale(Arrival& arrival) {
  gauges_.stale_epochs.fetch_add(1, std::memory_order_relaxed);
  const MessageHead& head = arrival.message->head;
  const std::string partition = "partition " + std::to_string(head.to.value) + " has changed hands since. ";
  if (arrival.port != nullptr)
    arrival.port->reply(refusal(head.kind, {Code::unavailable, "The sender's map of partitions is old: " + partition +
                                                                   "Nothing was changed; retry once it has the new one."}));
  if (arrival.answered == nullptr) return;
  const std::string old_owner = "The answer is from a former owner: " + partition;
  if (arrival.message->frame.read<schema::Answer>().isOutcome()) {
    arrival.answered->reply(refusal(MessageKind::submission,
                                    {Code::unavailable, old_owner + "The outcome of the command is unknown: ask again with the "
                                                                    "same sequence number."}));
  } else {
    arrival.answered->reply(refusal(MessageKind::question, {Code::unavailable, old_owner + "Retry: the new one answers."}));
  }
}

void LinkCore::break_off(const Status& why) {
  std::uint64_t connection = *heard_;
  heard_.reset();
  assembly_.restart();
  host_.drop(connection, why);
}

}  // namespace engram
