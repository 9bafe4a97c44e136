// Preloaded, it makes SO_RCVLOWAT do nothing. So the effect of the low-water marks is measured against the same code
// without them.
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
  if (level == SOL_SOCKET && name == SO_RCVLOWAT) return 0;
  return syscall(SYS_setsockopt, fd, level, name, value, size);
}
