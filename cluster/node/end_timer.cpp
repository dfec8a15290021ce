#include "cluster/node/end_timer.h"

#include <csignal>

#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

namespace engram {
namespace {

volatile std::sig_atomic_t exit_code = 0;

/// Neither memory nor a thread is needed at the end: there may be none left.
void end_process(int) { ::_exit(exit_code); }

void set_timer(std::chrono::milliseconds wait) {
  itimerval timer{};
  timer.it_value.tv_sec = wait.count() / 1000;
  timer.it_value.tv_usec = wait.count() % 1000 * 1000;
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

EndTimer::EndTimer(std::chrono::milliseconds wait, int code) {
  exit_code = code;
  std::signal(SIGALRM, end_process);
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);  // whoever started the process may have blocked it
  set_timer(wait);
}

EndTimer::~EndTimer() { set_timer({}); }

}  // namespace engram
