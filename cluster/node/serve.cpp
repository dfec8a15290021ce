#include "cluster/node/serve.h"

#include <csignal>
#include <cstdio>

#include <pthread.h>

#include "cluster/logging/logging.h"
#include "cluster/node/node.h"

namespace engram {
namespace {

/// Signals are taken by one `sigtimedwait`, never by a handler: every thread made after this blocks them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is then an error like a full disk
  return signals;
}

/// Until SIGTERM or SIGINT.
void run(Node& node, const sigset_t& signals) {
  timespec look_every{2, 0};
  while (true) {
    int signal = ::sigtimedwait(&signals, nullptr, &look_every);
    if (signal == SIGTERM || signal == SIGINT) return;
    node.reload();
  }
}

}  // namespace

int serve_main(const LoadedConfig& loaded) {
  sigset_t signals = block_signals();
  SystemClock clock;
  LoggingOptions logging;
  logging.format = log_format_from(loaded.config.logging.format);
  logging.level = log_level_from(loaded.config.logging.level);
  start_logging(logging, clock);
  Status status;
  {
    Node node(loaded, clock);
    status = node.start();
    if (status.ok()) {
      run(node, signals);
      (void)node.stop();  // what could not be flushed in time is replayed: no data is at stake
    }
  }
  stop_logging();
  if (status.ok()) return 0;
  std::fprintf(stderr, "engram: cannot start: %s\n", status.message().c_str());
  return 1;
}

}  // namespace engram
