#include "client/engram/loader.h"

#include <algorithm>
#include <deque>

#include "client/client_impl.h"
#include "client/ticket.h"

namespace engram::client {

namespace {
struct InFlight {
  InFlight(Client::Impl& client, Batch moved, std::uint32_t timeout_ms)
      : batch(std::move(moved)),
        ticket(client, Channel::writer, [this](const CommandHeader& header) { return batch.impl().encode(header); },
               timeout_ms, batch.impl().first_key()) {}
  Batch batch;
  Ticket ticket;
};
}  // namespace

struct Loader::Impl {
  Impl(Client& loading, LoaderOptions chosen) : client(loading.impl()), options(std::move(chosen)) {
    options.in_flight = std::clamp(options.in_flight, 1U, LoaderOptions::max_in_flight);
  }

  /// Lasts as long as the caller is within the loader. Whatever it does elsewhere, such as waiting for its own input, is
  /// not the engine's time.
  class Visit {
   public:
    explicit Visit(Impl& loader) : loader_(loader) {
      auto away = now() - loader.left_at;
      for (auto& waiting : loader.window) waiting->ticket.postpone(away);
    }
    ~Visit() { loader_.left_at = now(); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    Impl& loader_;
  };

  /// Waits for the oldest: batches end about in the order in which they were sent.
  void settle_oldest() {
    auto oldest = std::move(window.front());
    window.pop_front();
    auto outcome = oldest->ticket.settle();
    // A connection that was made again has nothing in flight: send the whole window, not one batch a turn.
    for (auto& waiting : window) waiting->ticket.send_if_stale();
    totals.retries += oldest->ticket.attempts() > 1 ? oldest->ticket.attempts() - 1 : 0;
    if (outcome.committed()) {
      count(oldest->batch, outcome);
    } else if (options.on_failure && options.on_failure(oldest->batch, outcome)) {
      ++totals.failed;
    } else {
      stopped = outcome.status;
      window.clear();
    }
  }

  void count(const Batch& batch, const Outcome& outcome) {
    ++totals.batches;
    totals.operations += batch.operations();
    totals.created += outcome.created;
    totals.updated += outcome.updated;
    totals.deleted += outcome.deleted;
    if (options.on_progress) options.on_progress(totals);
  }

  Client::Impl& client;
  LoaderOptions options;
  LoadTotals totals;
  std::deque<std::unique_ptr<InFlight>> window;
  Status stopped;
  kj::TimePoint left_at = now();   // when add() or flush() last returned
};

Loader::Loader(Client& client, LoaderOptions options) : impl_(std::make_unique<Impl>(client, std::move(options))) {}
Loader::~Loader() = default;

Status Loader::add(Batch batch) {
  auto& loader = *impl_;
  Impl::Visit visit(loader);
  while (loader.stopped.ok() && loader.window.size() >= loader.options.in_flight) loader.settle_oldest();
  if (!loader.stopped.ok()) return loader.stopped;
  loader.window.push_back(std::make_unique<InFlight>(loader.client, std::move(batch), loader.options.timeout_ms));
  loader.window.back()->ticket.start();
  loader.client.wait_scope().poll();   // writes are made by the loop, and the caller may not wait for long
  return {};
}

Status Loader::flush() {
  auto& loader = *impl_;
  Impl::Visit visit(loader);
  while (loader.stopped.ok() && !loader.window.empty()) loader.settle_oldest();
  return loader.stopped;
}

const LoadTotals& Loader::totals() const { return impl_->totals; }

}  // namespace engram::client
