#include "client/silence.h"

#include <utility>

namespace engram::client {

void Silence::begin(Connection& connection) {
  taken_bytes_ = nullptr;
  if (std::exchange(received_bytes_, connection.received_bytes()) != connection.received_bytes()) heard();
}

bool Silence::look(Connection& connection, kj::Duration waited, kj::Duration step) {
  bool came = std::exchange(received_bytes_, connection.received_bytes()) != connection.received_bytes();
  auto taken_before = std::exchange(taken_bytes_, connection.taken_bytes());
  bool taken = taken_before != nullptr && taken_bytes_ != nullptr && taken_before != taken_bytes_;
  if (came || taken) {
    heard();
    return false;
  }
  quiet_ += waited;
  if (quiet_ >= step && ping_ == nullptr)
    ping_ = connection.engram().pingRequest().send().ignoreResult().eagerlyEvaluate([](kj::Exception&&) {});
  return quiet_ >= steps * step;
}

void Silence::heard() {
  quiet_ = 0 * kj::NANOSECONDS;
  ping_ = nullptr;
}

}  // namespace engram::client
