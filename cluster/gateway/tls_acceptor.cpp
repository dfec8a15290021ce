#include "cluster/gateway/tls_acceptor.h"

#include <kj/debug.h>

#include "cluster/security/tls_context.h"

namespace engram {

kj::Promise<kj::Own<kj::AsyncIoStream>> TlsAcceptor::accept(kj::Own<kj::AsyncIoStream> stream, kj::Timer& timer,
                                                            std::int64_t timeout_ms) {
  auto material = files_.current();
  if (context_ == nullptr || material->generation != generation_) {
    auto made = make_tls_context(*material);
    if (!made.ok()) return KJ_EXCEPTION(FAILED, "the certificate cannot be served with", made.status().message().c_str());
    context_ = std::move(made).value();
    generation_ = material->generation;
  }
  std::shared_ptr<kj::TlsContext> context = context_;
  auto handshake = kj::evalNow([&] { return context->wrapServer(kj::mv(stream)); });
  return timer.timeoutAfter(timeout_ms * kj::MILLISECONDS, kj::mv(handshake))
      .then([context = std::move(context)](kj::Own<kj::AsyncIoStream> encrypted) mutable {
        return encrypted.attach(kj::mv(context));
      });
}

}  // namespace engram
