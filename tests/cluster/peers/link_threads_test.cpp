// Real threads on both sides at once; and how fast it is, on demand.

#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <thread>

#include "tests/cluster/peers/link_script.h"
#include "tests/support/wait.h"

using namespace engram;
using namespace engram::test;

namespace {

/// A port that counts its answers for whoever waits.
class CountingPort final : public ReplyPort {
 public:
  explicit CountingPort(std::atomic<std::uint64_t>& answers) : answers_(answers) {}
  void reply(Frame answer) override {
    if (!replied_.exchange(true)) ++answers_;
    else ++twice;
  }
  static inline std::atomic<std::uint64_t> twice{0};

 private:
  std::atomic<std::uint64_t>& answers_;
  std::atomic<bool> replied_{false};
};

/// A node whose wire is a thread: it takes what the other node transmits, and answers questions on the spot or later.
class ThreadedNode final : public PeerLinkHost {
 public:
  ThreadedNode(const PeerLinkOptions& options, const Clock& clock) : link(PeerLink::make(options, map, *this, clock)) {}
  ~ThreadedNode() override {
    stop();
    link.reset();
  }

  void start(ThreadedNode& peer) {
    peer_ = &peer;
    link->up(1);
  }
  void run() { wire_ = std::thread([this] { serve(); }); }
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      wake_.notify_one();
    }
    if (wire_.joinable()) wire_.join();
  }
  /// Both hear of a new connection, and of it before anything that the other sends on it; what was on the old one is lost.
  static void reconnect(ThreadedNode& one, ThreadedNode& other, std::uint64_t connection) {
    std::scoped_lock lock(one.mutex_, other.mutex_);
    for (ThreadedNode* node : {&one, &other}) {
      node->coming_.push_back({connection, {}});
      node->wake_.notify_one();
    }
  }

  void transmit(std::uint64_t connection, PacketBytes packet) override { peer_->push({connection, std::move(packet)}); }
  void deliver(PartitionId to, Mail mail) override {
    if (auto* request = std::get_if<RequestMail>(&mail); request != nullptr && request->port != nullptr) {
      ++questions;
      std::size_t size = questions % 64 == 0 ? 100'000 : 10;
      if (questions % 3 != 0) return request->port->reply(answer_frame(1, size));
      std::lock_guard lock(mutex_);
      later_.push_back(std::move(request->port));
    } else {
      Delivered one = delivered(to, std::move(mail));
      if (one.id <= last_streamed || one.id == 0) out_of_order = true;
      last_streamed = one.id;
      ++streamed;
    }
  }
  void told(const NodeStatus&) override {}
  void drop(std::uint64_t, const Status& why) override { dropped = true; }
  /// Answers what was put off; from another thread than the wire's.
  void answer_later() {
    std::vector<ReplyPortPtr> ports;
    {
      std::lock_guard lock(mutex_);
      ports.swap(later_);
    }
    for (const ReplyPortPtr& port : ports) port->reply(answer_frame(2, 3'000));
  }

  TestMap map;
  std::atomic<std::uint64_t> questions{0}, streamed{0};
  std::uint64_t last_streamed = 0;  // of the wire's thread
  std::atomic<bool> out_of_order{false}, dropped{false};
  std::unique_ptr<PeerLink> link;

 private:
  void push(LinkNode::Packet packet) {
    std::lock_guard lock(mutex_);
    coming_.push_back(std::move(packet));
    wake_.notify_one();
  }
  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return stop_ || !coming_.empty(); });
      if (stop_) return;
      std::deque<LinkNode::Packet> coming = std::exchange(coming_, {});
      lock.unlock();
      for (LinkNode::Packet& packet : coming) {
        if (packet.bytes.empty()) link->up(packet.connection);
        else link->receive(packet.connection, packet.bytes);
      }
      lock.lock();
    }
  }

  ThreadedNode* peer_ = nullptr;
  std::thread wire_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<LinkNode::Packet> coming_;
  std::vector<ReplyPortPtr> later_;
  bool stop_ = false;
};

}  // namespace

TEST_CASE("many threads send both ways at once, and answer on any thread") {
  constexpr std::uint64_t threads = 3, per_thread = 1'500;
  PeerLinkOptions options;
  options.window_bytes = 200'000;
  SystemClock clock;
  ThreadedNode left(options, clock), right(options, clock);
  left.start(right);
  right.start(left);
  left.run();
  right.run();
  std::atomic<std::uint64_t> answers{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> senders;
  for (ThreadedNode* node : {&left, &right}) {
    for (std::uint64_t i = 0; i < threads; ++i)
      senders.emplace_back([&, node] {
        for (std::uint64_t n = 0; n < per_thread; ++n)
          node->link->send({1}, RequestMail{question_frame(n, n % 100 == 0 ? 150'000 : 20),
                                            std::make_shared<CountingPort>(answers), {}});
      });
    senders.emplace_back([&, node] {
      for (std::uint64_t id = 1; id <= per_thread; ++id) node->link->send({1}, command(id, id % 50 == 0 ? 100'000 : 20));
    });
  }
  std::thread ticker([&] {
    while (!done) {
      for (ThreadedNode* node : {&left, &right}) {
        node->link->tick();
        node->answer_later();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  for (std::thread& sender : senders) sender.join();
  CHECK(comes_true([&] { return answers == 2 * threads * per_thread; }));
  CHECK(comes_true([&] { return left.streamed == per_thread && right.streamed == per_thread; }));
  CHECK(comes_true([&] { return left.link->gauges().kept_bytes + right.link->gauges().kept_bytes == 0; }));
  done = true;
  ticker.join();
  CHECK(CountingPort::twice == 0);
  for (ThreadedNode* node : {&left, &right}) {
    node->stop();
    CHECK_FALSE(node->out_of_order);
    CHECK_FALSE(node->dropped);
    CHECK(node->link->gauges().in_flight_bytes <= options.window_bytes + options.part_bytes);
  }
}

TEST_CASE("connections that are replaced under load lose no question, and links that go under load none either") {
  constexpr std::uint64_t questions = 2'000;
  SystemClock clock;
  std::atomic<std::uint64_t> answers{0};
  {
    ThreadedNode left({}, clock), right({}, clock);
    left.start(right);
    right.start(left);
    left.run();
    right.run();
    std::atomic<bool> done{false};
    std::thread sender([&] {
      for (std::uint64_t n = 0; n < questions; ++n)
        left.link->send({1}, RequestMail{question_frame(n, 20), std::make_shared<CountingPort>(answers), {}});
    });
    std::thread answerer([&] {
      while (!done) {
        right.answer_later();
        std::this_thread::yield();
      }
    });
    for (std::uint64_t connection = 2; connection < 30; ++connection) {
      ThreadedNode::reconnect(left, right, connection);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    sender.join();
    left.stop();
    right.stop();
    done = true;
    answerer.join();
    CHECK_FALSE(left.dropped);
    CHECK_FALSE(right.dropped);
    left.link.reset();  // the rest is answered by its going
    right.answer_later();
  }
  CHECK(answers == questions);
  CHECK(CountingPort::twice == 0);
}

TEST_CASE("messages a second through two links back to back", "[.measure]") {
  constexpr int rounds = 200'000;
  for (std::size_t size : {0UL, 100'000UL}) {
    LinkPair pair;
    pair.connect(1);
    pair.right.on_mail = [&](Delivered& one) { one.port->reply(answer_frame(1)); };
    int count = size == 0 ? rounds : rounds / 100;
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      auto port = pair.left.ask(1, size);
      pair.run();
      pair.right.mail.clear();
    }
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::cout << count / seconds << " questions with answers a second, " << size << " bytes each\n";
  }
  LinkPair pair;
  pair.connect(1);
  PeerCommandMail mail = command(1, 100);
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) {
    pair.left.link->send({1}, mail);
    pair.run();
    pair.right.mail.clear();
  }
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::cout << rounds / seconds << " commands a second\n";
}
