#pragma once
// The base of all our actors. What it is for is told below; without ThreadSanitizer it is CAF's class and nothing else.

#include <caf/event_based_actor.hpp>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>

namespace engram {

/// ThreadSanitizer does not see into libcaf, which is not instrumented: that a mailbox orders who sends before who
/// receives, and one thread that runs an actor before the next one that does, has to be told to it. Races behind a
/// mailbox, on what two actors share, are found as everywhere.
class MailActor : public caf::event_based_actor {
 public:
  using caf::event_based_actor::event_based_actor;
  using caf::event_based_actor::enqueue;

  void enqueue(caf::mailbox_element_ptr mail, caf::execution_unit* unit) override {
    __tsan_release(this);
    caf::event_based_actor::enqueue(std::move(mail), unit);
  }
  resume_result resume(caf::execution_unit* unit, std::size_t max_messages) override {
    __tsan_acquire(this);
    return caf::event_based_actor::resume(unit, max_messages);
  }
  void initialize() override {
    caf::event_based_actor::initialize();
    __tsan_release(this);
  }
  caf::invoke_message_result consume(caf::mailbox_element& mail) override {
    __tsan_acquire(this);
    caf::invoke_message_result result = caf::event_based_actor::consume(mail);
    __tsan_release(this);
    return result;
  }
};

}  // namespace engram

#else

namespace engram {
using MailActor = caf::event_based_actor;
}

#endif
