// SO_LINGER, the lengths of the two queues, and a send that raises no signal: socket(7), tcp(7), unix(7).
#include "arguments.h"
#include "exports.h"
#include "platform.h"

namespace lingering_close {
namespace {

// FIONREAD and SIOCOUTQ (the same number as TIOCOUTQ) also succeed on files, pipes and terminals. So this call gives
// ENOTSOCK where the caller does not know that `fd` is a socket.
int RequireSocket(int fd, bool known) {
  int type = 0;
  if (known) return 0;
  return SocketOption(fd, SO_TYPE, &type);
}

}  // namespace

// setLinger(fd, seconds): -1 switches SO_LINGER off.
Napi::Value SetLinger(const Napi::CallbackInfo& info) {
  const Numbers<2> numbers(info);
  if (!numbers) return {};
  const double seconds = numbers[1];
  if (!(seconds >= -1 && seconds <= platform::kMaxLingerSeconds)) return Result(info, -EINVAL);
  const struct linger value = {seconds >= 0, seconds >= 0 ? static_cast<int>(seconds) : 0};
  const int fd = Descriptor(numbers[0]);
  return Result(info, Call([&] { return setsockopt(fd, SOL_SOCKET, platform::kLingerOption, &value, sizeof value); }));
}

// getLinger(fd): 0 where SO_LINGER is off, else seconds + 1.
Napi::Value GetLinger(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  struct linger value = {};
  socklen_t size = sizeof value;
  const int fd = Descriptor(numbers[0]);
  const int result = Call([&] { return getsockopt(fd, SOL_SOCKET, platform::kLingerOption, &value, &size); });
  if (result < 0) return Result(info, result);
  return Result(info, value.l_onoff ? static_cast<double>(static_cast<unsigned>(value.l_linger)) + 1 : 0);
}

// pendingBytes(fd, known), unackedBytes(fd, known): `known` is 1 where `fd` is certainly a socket.
Napi::Value PendingBytes(const Napi::CallbackInfo& info) {
  const Numbers<2> numbers(info);
  if (!numbers) return {};
  int bytes = 0;
  const int fd = Descriptor(numbers[0]);
  int result = RequireSocket(fd, numbers[1] != 0);
  if (result == 0) result = Call([&] { return ioctl(fd, FIONREAD, &bytes); });
  return Result(info, result < 0 ? result : bytes);
}

Napi::Value UnackedBytes(const Napi::CallbackInfo& info) {
  const Numbers<2> numbers(info);
  if (!numbers) return {};
  int bytes = 0;
  const int fd = Descriptor(numbers[0]);
  int result = RequireSocket(fd, numbers[1] != 0);
  if (result == 0) result = platform::UnackedBytes(fd, &bytes);
  return Result(info, result < 0 ? result : bytes);
}

// send(fd, bytes): how many the kernel took. Never waits, never raises SIGPIPE. -EAGAIN where the kernel has no room.
Napi::Value Send(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  void* data = nullptr;
  size_t length = 0;
  napi_typedarray_type type = napi_int8_array;
  if (napi_get_typedarray_info(info.Env(), info[1], &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    Napi::TypeError::New(info.Env(), "argument 1 must be a Uint8Array").ThrowAsJavaScriptException();
    return {};
  }
  const int fd = Descriptor(numbers[0]);
  if (const int result = platform::PrepareSend(fd); result < 0) return Result(info, result);
  return Result(info, Call([&] { return send(fd, data, length, platform::kNoSignal | MSG_DONTWAIT); }));
}

}  // namespace lingering_close
