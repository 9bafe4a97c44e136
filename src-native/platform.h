// What differs between Linux and macOS: the only #ifdefs of the addon.
#pragma once

#include <sys/ioctl.h>
#include <sys/socket.h>

#include "syscall.h"

#if defined(__linux__)
#include <linux/sockios.h>
#elif !defined(__APPLE__)
#error "lingering-close has an addon for Linux and macOS only; elsewhere its streams engine serves"
#endif

namespace lingering_close::platform {

#if defined(__APPLE__)

// macOS counts SO_LINGER in clock ticks. SO_LINGER_SEC counts in seconds.
inline constexpr int kLingerOption = SO_LINGER_SEC;
// With either option the kernel keeps ticks of 10 ms in a short (so_linger, sys/socketvar.h).
inline constexpr int kMaxLingerSeconds = 327;
inline constexpr int kNoSignal = 0;
inline constexpr bool kHasLingerLoop = false;

inline int UnackedBytes(int fd, int* bytes) {
  socklen_t size = sizeof *bytes;
  return Call([&] { return getsockopt(fd, SOL_SOCKET, SO_NWRITE, bytes, &size); });
}

// macOS has no MSG_NOSIGNAL: a socket option keeps SIGPIPE away. libuv sets it on its own sockets.
inline int PrepareSend(int fd) {
  const int on = 1;
  return Call([&] { return setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on); });
}

#else

inline constexpr int kLingerOption = SO_LINGER;
// The kernel takes more, but other systems have fields of 16 bits.
inline constexpr int kMaxLingerSeconds = 65'535;
inline constexpr int kNoSignal = MSG_NOSIGNAL;
inline constexpr bool kHasLingerLoop = true;

inline int UnackedBytes(int fd, int* bytes) {
  return Call([&] { return ioctl(fd, SIOCOUTQ, bytes); });
}

inline int PrepareSend(int) { return 0; }

#endif

}  // namespace lingering_close::platform
