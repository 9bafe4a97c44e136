// Preloaded, it prints each receive low-water mark that is set: a line with descriptor and mark. The mark is 0 when the
// descriptor is closed. MARK_CAP in the environment caps the marks, as the kernel does where receive buffers must stay
// small (tcp_rmem). With EARLY, the second descriptor that gets a mark also gets a receive buffer that is too small for
// it: the kernel then wakes the reader early, as it does for very small segments. With PROTOCOLS, that file stands in
// for /proc/net/protocols.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096 };
static char told[DESCRIPTORS];
static int marked;
static int early = -1;

int setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
  int mark;
  if (level == SOL_SOCKET && name == SO_RCVLOWAT) {
    mark = *(const int*)value;
    dprintf(STDERR_FILENO, "%d %d\n", fd, mark);
    if (fd < DESCRIPTORS && !told[fd] && ++marked == 2 && getenv("EARLY")) early = fd;
    if (fd < DESCRIPTORS) told[fd] = 1;
    const char* cap = getenv("MARK_CAP");
    if (cap && mark > atoi(cap)) mark = atoi(cap);
    value = &mark;
  }
  int result = (int)syscall(SYS_setsockopt, fd, level, name, value, size);
  if (fd == early && level == SOL_SOCKET && name == SO_RCVLOWAT && mark > 1) {
    int buffer = 16 * 1024;
    syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  }
  return result;
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, int) : 0;
  va_end(rest);
  const char* instead = getenv("PROTOCOLS");
  if (instead && strcmp(path, "/proc/net/protocols") == 0) path = instead;
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int close(int fd) {
  if (fd >= 0 && fd < DESCRIPTORS && told[fd]) {
    told[fd] = 0;
    dprintf(STDERR_FILENO, "%d 0\n", fd);
  }
  return (int)syscall(SYS_close, fd);
}
