#include "tests/sim/sim_call.h"

#include <stdexcept>

namespace engram::test {
namespace {

constexpr std::int64_t attempt_ns = 4'000'000'000;
constexpr std::int64_t pause_ns = 200'000'000;

}  // namespace

/// An answer of a process that has ended meanwhile reaches nobody.
class SimCall::Port final : public ReplyPort {
 public:
  explicit Port(SimNode& node) : node_(node), life_(node.life()) {}
  void reply(Frame answer) override {
    if (node_.life() != life_) return;
    if (frame) throw std::runtime_error("a call is answered twice");
    frame = std::move(answer);
  }
  [[nodiscard]] bool cancelled() const override { return cancelled_ || node_.life() != life_; }
  void cancel() { cancelled_ = true; }
  /// There will be no answer.
  [[nodiscard]] bool is_lost() const { return !frame && node_.life() != life_; }
  Frame frame;

 private:
  SimNode& node_;
  unsigned life_;
  bool cancelled_ = false;
};

bool SimCall::step() {
  std::int64_t now = around_.clock.monotonic_ns();
  if (port_ == nullptr) {
    if (now < next_ns_) return false;
    if (request_.attempts != 0 && attempts_ >= request_.attempts) return give_up();
    send();
    return false;
  }
  if (port_->frame) {
    Frame answer = std::move(port_->frame);
    if (request_.is_final(answer)) {
      port_ = nullptr;
      around_.trace.note("answer", attempts_);
      request_.done(&answer);
      return true;
    }
  } else if (!port_->is_lost() && now < next_ns_) {
    return false;
  }
  port_->cancel();
  port_ = nullptr;
  next_ns_ = now + pause_ns;
  return false;
}

void SimCall::send() {
  std::vector<SimNode*> up;
  for (auto& node : nodes_)
    if (node->is_up() && !node->is_stopping()) up.push_back(node.get());
  std::int64_t now = around_.clock.monotonic_ns();
  if (up.empty()) {
    next_ns_ = now + pause_ns;
    return;
  }
  ++attempts_;
  SimNode& node = *up[around_.random() % up.size()];
  port_ = std::make_shared<Port>(node);
  next_ns_ = now + attempt_ns;
  around_.trace.note("call", node.ordinal(), request_.to.value);
  node.send(request_.to, request_.make(port_, next_ns_));
}

bool SimCall::give_up() {
  around_.trace.note("given up");
  request_.done(nullptr);
  return true;
}

}  // namespace engram::test
