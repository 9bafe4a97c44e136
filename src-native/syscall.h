// One place for errno and EINTR: every system call of the addon goes through Call, which gives its result or -errno.
#pragma once

#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>

namespace lingering_close {

template <class SystemCall>
auto Call(SystemCall call) -> decltype(call()) {
  decltype(call()) result;
  do result = call();
  while (result == -1 && errno == EINTR);
  return result == -1 ? -errno : result;
}

// Not repeated on EINTR: Linux has released the number by then, and another thread may have it already (close(2)).
inline void Close(int fd) { close(fd); }

// An integer option of SOL_SOCKET.
inline int SocketOption(int fd, int option, int* value) {
  socklen_t size = sizeof *value;
  return Call([&] { return getsockopt(fd, SOL_SOCKET, option, value, &size); });
}

}  // namespace lingering_close
