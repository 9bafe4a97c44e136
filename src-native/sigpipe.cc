// The disposition of SIGPIPE, of which a process has one for all threads: sigaction(2), signal(7).
#include <csignal>

#include "arguments.h"
#include "broken_pipe.h"
#include "exports.h"
#include "syscall.h"

namespace lingering_close {
namespace {

int Read(const struct sigaction& action) {
  if (broken_pipe::Owns(action)) return broken_pipe::Others();
  // With SA_SIGINFO the handler is in the other member of the union.
  if (action.sa_flags & SA_SIGINFO) return kHandler;
  if (action.sa_handler == SIG_DFL) return kDefault;
  return action.sa_handler == SIG_IGN ? kIgnore : kHandler;
}

}  // namespace

// getSigpipe(): behind exitOnBrokenPipe() that of all descriptors but stdout and stderr.
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
  struct sigaction before = {};
  if (const int result = Call([&] { return sigaction(SIGPIPE, nullptr, &before); }); result < 0)
    return Result(info, result);
  const int was = Read(before);
  if (broken_pipe::Owns(before)) {
    // The handler stays: stdout and stderr go on to be its own.
    broken_pipe::SetOthers(disposition == kIgnore ? kIgnore : kDefault);
    return Result(info, was);
  }
  struct sigaction wanted = {};
  wanted.sa_handler = disposition == kIgnore ? SIG_IGN : SIG_DFL;
  const int result = Call([&] { return sigaction(SIGPIPE, &wanted, nullptr); });
  return Result(info, result < 0 ? result : was);
}

// guardStdio(): 0 or -errno. Again where a listener has come or gone, for libuv then takes the signal or drops it.
Napi::Value GuardStdio(const Napi::CallbackInfo& info) { return Result(info, broken_pipe::Guard()); }

// isStdioBroken(fd): 1 where the reader of stdout (1) or stderr (2) is gone, else 0.
Napi::Value IsStdioBroken(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  return Result(info, broken_pipe::IsBroken(Descriptor(numbers[0])));
}

// dieBySigpipe(): does not return.
Napi::Value DieBySigpipe(const Napi::CallbackInfo& info) { broken_pipe::Die(); }

}  // namespace lingering_close
