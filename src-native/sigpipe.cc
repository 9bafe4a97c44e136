// The disposition of SIGPIPE, of which a process has one for all threads: sigaction(2), signal(7).
#include <csignal>

#include "arguments.h"
#include "exports.h"
#include "syscall.h"

namespace lingering_close {
namespace {

// As in src/system/sigpipe.ts.
enum Disposition { kDefault = 0, kIgnore = 1, kHandler = 2 };

int Read(const struct sigaction& action) {
  // With SA_SIGINFO the handler is in the other member of the union.
  if (action.sa_flags & SA_SIGINFO) return kHandler;
  if (action.sa_handler == SIG_DFL) return kDefault;
  return action.sa_handler == SIG_IGN ? kIgnore : kHandler;
}

}  // namespace

Napi::Value GetSigpipe(const Napi::CallbackInfo& info) {
  struct sigaction now = {};
  const int result = Call([&] { return sigaction(SIGPIPE, nullptr, &now); });
  return Result(info, result < 0 ? result : Read(now));
}

// setSigpipe(disposition): the previous disposition, or -errno.
Napi::Value SetSigpipe(const Napi::CallbackInfo& info) {
  // As a double, because Int32Value would turn 2^32 into 0, which is the default.
  const double disposition = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (disposition != kDefault && disposition != kIgnore) return Result(info, -EINVAL);
  struct sigaction wanted = {};
  struct sigaction before = {};
  wanted.sa_handler = disposition == kIgnore ? SIG_IGN : SIG_DFL;
  const int result = Call([&] { return sigaction(SIGPIPE, &wanted, &before); });
  return Result(info, result < 0 ? result : Read(before));
}

}  // namespace lingering_close
