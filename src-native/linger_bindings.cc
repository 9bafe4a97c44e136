// The functions of the discard loop that JavaScript calls. They read the arguments and call LingerLoop. Linux only.
#include <poll.h>

#include "arguments.h"
#include "exports.h"
#include "linger_loop.h"
#include "platform.h"
#include "tcp_ending.h"

namespace lingering_close {

// openLingerLoop(callback): 0 or -errno. The callback gets six numbers for each linger that has ended: id, outcome,
// errno, delivered, discarded, unacked.
Napi::Value OpenLingerLoop(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) {
    Napi::TypeError::New(info.Env(), "openLingerLoop wants a function").ThrowAsJavaScriptException();
    return {};
  }
  const int result =
      LingerLoop::Get(info.Env()) ? -EALREADY : LingerLoop::Open(info.Env(), info[0].As<Napi::Function>());
  return Result(info, result);
}

// checkTakeover(fd): 0, 1 for a listening socket, 2 for a socket that this thread's event loop has; or -errno (EBADF,
// ENOTSOCK, EPROTOTYPE).
Napi::Value CheckTakeover(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  return Result(info, loop ? loop->CheckTakeover(Descriptor(numbers[0])) : -ENOSYS);
}

// isOver(fd, accepted): 1 where the peer has closed its side, everything that it sent has been read, and everything
// that was sent to it, FIN included, is acknowledged; else 0. `accepted` as for startLinger.
Napi::Value IsOver(const Napi::CallbackInfo& info) {
  const Numbers<2> numbers(info);
  if (!numbers) return {};
  const int fd = Descriptor(numbers[0]);
  char byte;
  int unacked = 0;
  // poll comes first, because recv would take an error off the socket. A linger that begins afterwards could then not
  // tell RST from EOF.
  pollfd state = {fd, POLLRDHUP, 0};
  if (Call([&] { return poll(&state, 1, 0); }) != 1 || (state.revents & (POLLRDHUP | POLLERR)) != POLLRDHUP ||
      Call([&] { return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT); }) != 0)
    return Result(info, 0);
  const Ending ending = HowEnded(fd, numbers[1] != 0);
  const bool over = ending == Ending::kDelivered ||
                    (ending == Ending::kNone && platform::UnackedBytes(fd, &unacked) == 0 && unacked == 0);
  return Result(info, over);
}

// startLinger(fd, take, accepted, until, idleTimeout, timeout, minRate, maxBytes, ref): an id >= 0, or -errno.
// `accepted` is 1 where the connection certainly comes from a listening socket. -ENOTCONN: it is broken, and nothing
// was started.
Napi::Value StartLinger(const Napi::CallbackInfo& info) {
  const Numbers<9> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  if (!loop) return Result(info, -ENOSYS);
  const double until = numbers[3];
  const double idle = numbers[4];
  const double timeout = numbers[5];
  const double min_rate = numbers[6];
  const double max_bytes = numbers[7];
  // Written so that NaN fails too.
  const double ref = numbers[8];
  if (!(until >= 0 && until <= 2 && ref >= 0 && ref <= 2 && idle >= 0 && timeout >= 0 && min_rate > 0 &&
        max_bytes >= 0))
    return Result(info, -EINVAL);
  const Limits limits = {static_cast<Until>(static_cast<int>(until)), idle, timeout, min_rate, max_bytes,
                         static_cast<Ref>(static_cast<int>(ref))};
  const auto result = loop->Start(Descriptor(numbers[0]), numbers[1] != 0, numbers[2] != 0, limits);
  return Result(info, static_cast<double>(result));
}

// endLinger(id, outcome): 1, or 0 where there is no such linger. The outcomes `reset` and `aborted` send RST.
Napi::Value EndLinger(const Napi::CallbackInfo& info) {
  const Numbers<2> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  const double id = numbers[0];
  const double outcome = numbers[1];
  if (!loop || !(id >= 0 && id < 9e15) || !(outcome >= 0 && outcome <= static_cast<int>(Outcome::kError)))
    return Result(info, 0);
  return Result(info, loop->End(static_cast<uint64_t>(id), static_cast<Outcome>(static_cast<int>(outcome))));
}

// holdDescriptor(fd): the number of the duplicate, or -errno.
Napi::Value HoldDescriptor(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  return Result(info, loop ? loop->Hold(Descriptor(numbers[0])) : -ENOSYS);
}

// releaseDescriptor(duplicate): 1, or 0 where no such duplicate is held.
Napi::Value ReleaseDescriptor(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  return Result(info, loop && loop->Release(Descriptor(numbers[0])));
}

// keepBriefly(idle): for those whose ref is 2.
Napi::Value KeepBriefly(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  if (!loop) return Result(info, -ENOSYS);
  if (!(numbers[0] >= 0)) return Result(info, -EINVAL);
  loop->KeepBriefly(numbers[0]);
  return Result(info, 0);
}

Napi::Value DrainLingers(const Napi::CallbackInfo& info) {
  if (auto* loop = LingerLoop::Get(info.Env())) loop->Drain();
  return info.Env().Undefined();
}

}  // namespace lingering_close
