#pragma once
// Which threads gather what they send to other nodes. Each for itself: where many threads work, one of them nearly always
// gathers something, and nobody's packets may wait for that.

namespace engram {

/// Of the calling thread. One owner at a time; another one's calls meanwhile do nothing.
class ThreadHold {
 public:
  /// May nest.
  static void begin(const void* owner) {
    State& state = of_this_thread();
    if (state.depth == 0) state = {owner, 0, false};
    if (state.owner == owner) ++state.depth;
  }

  /// Whether what is about to be sent may wait, since `end` comes; notes that something does.
  static bool waits(const void* owner) {
    State& state = of_this_thread();
    bool holds = state.depth > 0 && state.owner == owner;
    state.waits = state.waits || holds;
    return holds;
  }

  /// True: that was the outermost one, and something waits.
  static bool end(const void* owner) {
    State& state = of_this_thread();
    if (state.depth == 0 || state.owner != owner) return false;
    return --state.depth == 0 && state.waits;
  }

 private:
  struct State {
    const void* owner = nullptr;
    int depth = 0;
    bool waits = false;
  };
  static State& of_this_thread() {
    thread_local State state;
    return state;
  }
};

}  // namespace engram
