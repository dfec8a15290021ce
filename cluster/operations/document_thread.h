#pragma once
// Makes what takes a while, or may hang with the engine, on a thread of its own: probes never wait for it.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cluster/operations/http_text.h"

namespace engram {

class DocumentThread {
 public:
  struct Made {
    std::uint64_t number = 0;
    HttpAnswer answer;
  };

  /// `wake` is called from this thread whenever something was made.
  explicit DocumentThread(std::function<void()> wake);
  /// Waits for what is being made; what waits is not made any more.
  ~DocumentThread();

  /// `make` must outlive this. What it throws is the answer 500, without a word of it. False: too much is waiting already.
  bool ask(std::uint64_t number, const std::function<HttpAnswer()>& make);
  /// What was made since the last call.
  std::vector<Made> take();

 private:
  struct Asked {
    std::uint64_t number;
    const std::function<HttpAnswer()>* make;
  };
  void work();

  const std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Asked> asked_;
  std::vector<Made> made_;
  bool ending_ = false;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace engram
