#include "cluster/peers/wire_loop.h"

namespace engram {

class WireLoop::Lease final : public SharedLoop {
 public:
  explicit Lease(WireLoop* loop) : loop_(loop) {}

  void borrow() override {
    std::lock_guard lock(mutex_);
    ++borrowers_;  // the loop's own thread may be waiting for an event, and rests behind that
  }
  void give_back() override {
    std::lock_guard lock(mutex_);
    if (--borrowers_ == 0) returned_.notify_all();
  }
  bool run_some() override {
    std::unique_lock running(running_, std::try_to_lock);
    if (!running.owns_lock() || loop_ == nullptr) return false;
    bool any = false;
    for (int i = 0; i < rounds_at_once && loop_->poll_once(false); ++i) any = true;
    return any;
  }

  void run_by_own_thread() {
    for (bool more = true; more;) {
      wait_for_return();
      std::lock_guard running(running_);
      more = loop_->num_socket_handlers() > 0;
      if (more) loop_->poll_once(true);
    }
    std::lock_guard running(running_);
    loop_ = nullptr;
  }

 private:
  static constexpr int rounds_at_once = 8;  // then the borrower looks at its own work

  void wait_for_return() {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [this] { return borrowers_ == 0; });
  }

  std::mutex running_;  // held by who runs the loop, also while it waits for events
  WireLoop* loop_;
  std::mutex mutex_;
  std::condition_variable returned_;
  unsigned borrowers_ = 0;
};

WireLoop::WireLoop(caf::actor_system* system) : default_multiplexer(system), lease_(std::make_shared<Lease>(this)) {}

void WireLoop::run() { lease_->run_by_own_thread(); }

std::shared_ptr<SharedLoop> WireLoop::lease() const { return lease_; }

}  // namespace engram
