// Streaming scans: pages are taken in on the event loop, and handed to the caller outside of it.

#include <deque>

#include "client/client_impl.h"
#include "client/convert.h"

namespace engram::client {

namespace {

// Pages that wait for the caller. More would only take memory: the engine stops sending until there is room.
constexpr std::size_t max_waiting_pages = 2;

/// What the sink, which lives with the RPC system, and the scanning function share.
struct ScanState {
  std::deque<ScanPage> pages;
  bool told_end = false;  // by the engine, behind all pages
  bool ended = false;
  CallError end;
  std::string end_cursor;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<bool>>> reader;
  kj::Vector<kj::Own<kj::PromiseFulfiller<void>>> writers;

  void wake_reader() {
    KJ_IF_MAYBE (waiting, reader) (*waiting)->fulfill(true);
    reader = nullptr;
  }
  void finish(CallError error) {
    if (!ended) end = std::move(error);
    ended = true;
    wake_reader();
  }
  /// Resolves when there is something to look at.
  kj::Promise<bool> something() {
    if (!pages.empty() || ended) return true;
    auto waiting = kj::newPromiseAndFulfiller<bool>();
    reader = kj::mv(waiting.fulfiller);
    return kj::mv(waiting.promise);
  }
  ScanPage take() {
    auto page = std::move(pages.front());
    pages.pop_front();
    for (auto& writer : writers) writer->fulfill();
    writers.clear();
    return page;
  }
};

class Sink final : public schema::ScanSink::Server {
 public:
  explicit Sink(std::shared_ptr<ScanState> state) : state_(std::move(state)) {}

  kj::Promise<void> page(PageContext context) override {
    auto page = context.getParams().getPage();
    state_->pages.push_back(
        {read(page.getVertices()), read(page.getEdges()), to_string(page.getCursor()), page.getEdgesGoOn()});
    state_->wake_reader();
    if (state_->pages.size() < max_waiting_pages) return kj::READY_NOW;
    auto waiting = kj::newPromiseAndFulfiller<void>();
    state_->writers.add(kj::mv(waiting.fulfiller));
    return kj::mv(waiting.promise);
  }

  kj::Promise<void> done(DoneContext context) override {
    auto params = context.getParams();
    state_->end_cursor = to_string(params.getCursor());
    state_->told_end = true;
    state_->finish({Failure::answered, read(params.getError())});
    return kj::READY_NOW;
  }

 private:
  std::shared_ptr<ScanState> state_;
};

/// Starts the scan; the promise has to be kept as long as it is to go on.
kj::Promise<void> start(schema::Reader::Client reader, const ScanQuery& query, std::uint32_t timeout_ms,
                        const std::shared_ptr<ScanState>& state) {
  auto call = reader.scanRequest();
  auto request = call.initRequest();
  request.setLabel(text(query.label));
  write(query.filter, request.initFilter());
  request.setLimit(query.limit);
  request.setCursor(as_data(query.cursor));
  write(query.projection, request.initProjection());
  request.setEdges(query.edges);
  call.setSink(kj::heap<Sink>(state));
  call.setTimeoutMs(timeout_ms);
  return call.send()
      .then(
          [state](auto&& response) {
            Status status = read(response.getError());
            // Pages may be on their way still, and they would be missing.
            if (status.ok() && !state->told_end) status = {Code::unavailable, "the engine ended the scan before its last page"};
            state->finish({Failure::answered, std::move(status)});
          },
          [state](kj::Exception&& error) { state->finish(classify(error)); })
      .eagerlyEvaluate(nullptr);
}

enum class Ended { by_caller, by_engine };

/// Counts the vertices of which everything has come.
class WholeVertices {
 public:
  std::uint64_t count(const ScanPage& page) {
    std::uint64_t whole = page.vertices.size() + (edges_go_on_ ? 1 : 0) - (page.edges_go_on ? 1 : 0);
    edges_go_on_ = page.edges_go_on;
    return whole;
  }

 private:
  bool edges_go_on_ = false;
};

/// A scan over several attempts.
struct Progress {
  ScanQuery query;           // moves forward, so that the next attempt starts behind the last page
  kj::TimePoint deadline;    // of the next page
  WholeVertices counter = {};
  bool moved = false;        // in this attempt
  bool complete = false;     // the last page was handed on: however the attempt ends, nothing is missing
};

/// One attempt: hands on pages until the scan ends.
Ended run_attempt(Client::Impl& client, Progress& scan, const std::function<bool(ScanPage&, std::uint64_t whole)>& on_page,
                  std::uint32_t page_timeout_ms, std::uint64_t generation, ScanState& state) {
  for (;;) {
    while (!state.pages.empty()) {
      auto page = state.take();
      scan.moved = true;
      scan.query.cursor = page.cursor;
      scan.complete = page.cursor.empty();
      std::uint64_t whole = scan.counter.count(page);
      auto& limit = scan.query.limit;
      if (limit != 0) limit = std::max<std::uint64_t>(limit - std::min<std::uint64_t>(limit, whole), 1);
      if (!on_page(page, whole)) return Ended::by_caller;
      scan.deadline = client.deadline_of(page_timeout_ms);
    }
    if (state.ended) return Ended::by_engine;
    auto arrived = client.wait_for_answer<bool>(state.something(), generation, scan.deadline);
    if (arrived.is<CallError>()) state.finish(arrived.get<CallError>());
  }
}

}  // namespace

Result<std::string> Client::scan(const ScanQuery& first_query, const std::function<bool(ScanPage&)>& on_page,
                                 std::uint32_t timeout_ms) {
  if (auto status = impl_->check_space(); !status.ok()) return status;
  auto page_timeout_ms = timeout_ms == 0 ? impl_->options().timeout_ms : timeout_ms;
  Progress scan{first_query, impl_->deadline_of(page_timeout_ms)};
  Backoff backoff(impl_->options());
  auto delivered_all = [&, wanted = first_query.limit, seen = std::uint64_t{0}](ScanPage& page,
                                                                                std::uint64_t whole) mutable {
    seen += whole;
    return on_page(page) && (wanted == 0 || seen < wanted);
  };
  std::function<bool(ScanPage&, std::uint64_t)> deliver = std::ref(delivered_all);
  const SpaceId space = impl_->space().id;
  Status told;  // why an engine did not go on, since the last page: says more than that the time is over
  for (;;) {
    if (auto status = impl_->ensure_live(scan.deadline); !status.ok()) return status;
    if (impl_->space().id != space)
      return Status(Code::invalid_argument, "the client went to another space while it scanned this one");
    auto generation = impl_->live().generation;
    auto state = std::make_shared<ScanState>();
    scan.moved = false;
    try {
      auto running = start(KJ_ASSERT_NONNULL(impl_->live().space).reader, scan.query, Impl::engine_ms(scan.deadline), state);
      if (run_attempt(*impl_, scan, deliver, page_timeout_ms, generation, *state) == Ended::by_caller)
        return scan.query.cursor;
    } catch (const kj::Exception& error) {
      state->finish(classify(error));
    }
    const auto& [failure, status] = state->end;
    if (failure == Failure::lost) impl_->drop_live(generation);
    if (scan.complete) return std::string();
    if (status.ok()) return state->end_cursor.empty() ? scan.query.cursor : state->end_cursor;
    if (scan.moved) told = {};
    if (failure == Failure::late && !told.ok()) return told;
    bool early = Impl::is_early(status.code(), scan.deadline);  // of an attempt that had little time left for its first page
    if (failure != Failure::lost && !is_passing(status.code()) && !early) return status;
    if (failure == Failure::answered) told = status;
    impl_->leave_for(status, generation);
    if (scan.moved) backoff = Backoff(impl_->options());
    if (!impl_->pause(backoff, scan.deadline)) return status;
  }
}

}  // namespace engram::client
