#pragma once
// The base of the actors of a connection, around CAF's.

#include <utility>

#include <caf/execution_unit.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/scheduled_actor.hpp>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace engram {

/// `Base` is a broker. CAF leaves the mailbox of a broker that has ended open: what comes later stays in it, and keeps the
/// broker, if it names it. Here it is closed.
template <typename Base>
class WireMailbox : public Base {
 public:
  using Base::Base;

  bool cleanup(caf::error&& reason, caf::execution_unit* unit) override {
#if defined(__SANITIZE_THREAD__)
    __tsan_acquire(this);
#endif
    Base::close_all();
    return caf::scheduled_actor::cleanup(std::move(reason), unit);
  }

#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer does not see into libcaf, and has to be told that a mailbox orders who sends before who receives: see
  // actors/runtime/mail_actor.h.
  using Base::enqueue;

  void enqueue(caf::mailbox_element_ptr mail, caf::execution_unit* unit) override {
    __tsan_release(this);
    Base::enqueue(std::move(mail), unit);
  }
  caf::resumable::resume_result resume(caf::execution_unit* unit, std::size_t max_messages) override {
    __tsan_acquire(this);
    return Base::resume(unit, max_messages);
  }
  void initialize() override {
    __tsan_acquire(this);
    Base::initialize();
    __tsan_release(this);
  }
  caf::invoke_message_result consume(caf::mailbox_element& mail) override {
    __tsan_acquire(this);
    caf::invoke_message_result result = Base::consume(mail);
    __tsan_release(this);
    return result;
  }
#endif
};

}  // namespace engram
