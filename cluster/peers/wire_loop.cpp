#include "cluster/peers/wire_loop.h"

#include <utility>

#include <sched.h>

namespace engram {

WireLoop::WireLoop(caf::actor_system& system, std::chrono::nanoseconds busy_poll)
    : default_multiplexer(&system), busy_poll_(busy_poll) {}

void WireLoop::run() {
  Clock::time_point last_work;
  while (num_socket_handlers() > 0) {
    run_once();
    Clock::time_point now = Clock::now();
    bool soon = now - std::exchange(last_work, now) <= busy_poll_;
    if (soon && busy_poll_.count() > 0) stay_awake(last_work);
  }
}

void WireLoop::stay_awake(Clock::time_point last_work) {
  for (auto now = last_work; num_socket_handlers() > 0 && now - last_work <= busy_poll_; now = Clock::now()) {
    if (try_run_once()) {
      last_work = now;
    } else {
      ::sched_yield();
    }
  }
}

}  // namespace engram
