// Who gathers packets: a thread for itself, and nobody waits for another one.

#include <catch2/catch.hpp>

#include <thread>

#include "cluster/peers/thread_hold.h"

using namespace engram;

TEST_CASE("what a thread sends waits for the end of its own outermost hold, and for no other thread's") {
  int node = 0;
  ThreadHold::begin(&node);
  std::thread([&] {
    CHECK_FALSE(ThreadHold::waits(&node));
    ThreadHold::begin(&node);
    CHECK(ThreadHold::waits(&node));
    CHECK(ThreadHold::end(&node));  // although the first thread still holds
  }).join();
  ThreadHold::begin(&node);
  CHECK(ThreadHold::waits(&node));
  CHECK_FALSE(ThreadHold::end(&node));
  CHECK(ThreadHold::waits(&node));
  CHECK(ThreadHold::end(&node));
  CHECK_FALSE(ThreadHold::waits(&node));
}

TEST_CASE("a hold in which nothing was sent has nothing to send at its end, and an end without a hold neither") {
  int node = 0;
  CHECK_FALSE(ThreadHold::end(&node));
  ThreadHold::begin(&node);
  CHECK(ThreadHold::waits(&node));
  CHECK(ThreadHold::end(&node));
  ThreadHold::begin(&node);
  CHECK_FALSE(ThreadHold::end(&node));
}

TEST_CASE("what is sent by way of another node of this process does not wait for this one's hold") {
  int node = 0, other = 0;
  ThreadHold::begin(&node);
  ThreadHold::begin(&other);
  CHECK_FALSE(ThreadHold::waits(&other));
  CHECK_FALSE(ThreadHold::end(&other));
  CHECK(ThreadHold::waits(&node));
  CHECK(ThreadHold::end(&node));
}
