// Preloaded, it prints each receive low-water mark that is set: a line with descriptor and mark. The mark is 0 when the
// descriptor is closed. MARK_CAP in the environment caps the marks, as the kernel does where receive buffers must stay
// small (tcp_rmem).
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096 };
static char told[DESCRIPTORS];

int setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
  int mark;
  if (level == SOL_SOCKET && name == SO_RCVLOWAT) {
    mark = *(const int*)value;
    dprintf(STDERR_FILENO, "%d %d\n", fd, mark);
    if (fd < DESCRIPTORS) told[fd] = 1;
    const char* cap = getenv("MARK_CAP");
    if (cap && mark > atoi(cap)) mark = atoi(cap);
    value = &mark;
  }
  return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}

int close(int fd) {
  if (fd >= 0 && fd < DESCRIPTORS && told[fd]) {
    told[fd] = 0;
    dprintf(STDERR_FILENO, "%d 0\n", fd);
  }
  return (int)syscall(SYS_close, fd);
}
