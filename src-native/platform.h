// What differs between the platforms, and the only #ifdefs of the addon. Everything else is written against these
// names.
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

// macOS counts SO_LINGER in clock ticks; SO_LINGER_SEC is the option whose unit is the documented second.
inline constexpr int kLingerOption = SO_LINGER_SEC;
// so_linger is a short that holds ticks of 10 ms (sys/socketvar.h), whatever the option's own unit.
inline constexpr int kMaxLingerSeconds = 327;
inline constexpr int kNoSignal = 0;
inline constexpr bool kHasLingerLoop = false;

inline int UnackedBytes(int fd, int* bytes) {
  socklen_t size = sizeof *bytes;
  return Call([&] { return getsockopt(fd, SOL_SOCKET, SO_NWRITE, bytes, &size); });
}

// There is no MSG_NOSIGNAL: the socket itself is told not to raise SIGPIPE. libuv has done so for its own sockets.
inline int PrepareSend(int fd) {
  const int on = 1;
  return Call([&] { return setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on); });
}

#else

inline constexpr int kLingerOption = SO_LINGER;
// The kernel keeps more, but 65,535 s is what other systems' 16-bit fields allow.
inline constexpr int kMaxLingerSeconds = 65'535;
inline constexpr int kNoSignal = MSG_NOSIGNAL;
inline constexpr bool kHasLingerLoop = true;

inline int UnackedBytes(int fd, int* bytes) {
  return Call([&] { return ioctl(fd, SIOCOUTQ, bytes); });
}

inline int PrepareSend(int) { return 0; }

#endif

}  // namespace lingering_close::platform
