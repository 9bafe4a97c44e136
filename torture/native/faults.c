// Preloaded into a server: makes system calls of the addon fail, and no others, as the file TORTURE_FAULTS says. If the
// file says so, a signal also interrupts the thread 1,000 times a second.
//
// The file is a table of 64-bit numbers, one row for each kind of call: the errno (0: none), every how many calls it
// fails, how many calls there were, and how many of them failed. In the last row, for the signal, the first number
// switches it on, and the last number counts the signals. torture/lib/faults.mjs reads and writes the file.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The same order as in torture/lib/faults.mjs.
enum kind { DUPLICATE, WATCH, CREATE, ALLOCATE, ANY, SIGNAL, KINDS };

struct fault {
  uint64_t error, every, calls, struck;
};

static struct fault* faults;

__attribute__((constructor)) static void open_table(void) {
  const char* path = getenv("TORTURE_FAULTS");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) abort();
  void* table = mmap(NULL, KINDS * sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  if (table == MAP_FAILED) abort();
  faults = table;
}

static int is_addon(void* caller) {
  Dl_info info;
  if (!dladdr(caller, &info) || !info.dli_fname) return 0;
  return strstr(info.dli_fname, "lingering") && strstr(info.dli_fname, ".node");
}

static void on_signal(int number) {
  (void)number;
  faults[SIGNAL].struck++;
}

// Called with the first call of the addon, because Node.js removes all handlers when it starts. No SA_RESTART, so that
// calls are interrupted.
static void start_signals(void) {
  if (faults[SIGNAL].every) return;
  faults[SIGNAL].every = 1;
  struct sigaction action = {.sa_handler = on_signal};
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
  event._sigev_un._tid = gettid();
  timer_t timer;
  struct itimerspec pace = {{0, 1000000}, {0, 1000000}};
  if (sigaction(SIGALRM, &action, NULL) < 0) abort();
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 || timer_settime(timer, 0, &pace, NULL) < 0) abort();
}

// Whether this call must fail. Sets errno then.
static int strikes(enum kind kind, void* caller) {
  if (!faults || !(faults[kind].error || faults[SIGNAL].error) || !is_addon(caller)) return 0;
  if (faults[SIGNAL].error) start_signals();
  if (!faults[kind].error || ++faults[kind].calls % faults[kind].every != 0) return 0;
  faults[kind].struck++;
  errno = (int)faults[kind].error;
  return 1;
}

#define STRIKES(kind) strikes(kind, __builtin_return_address(0))
#define NEXT(name) ((__typeof__(name)*)dlsym(RTLD_NEXT, #name))

static int fcntl_to(int fd, int command, long argument, void* caller) {
  if (command == F_DUPFD_CLOEXEC && (strikes(DUPLICATE, caller) || strikes(ANY, caller))) return -1;
  return NEXT(fcntl)(fd, command, argument);
}

int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  long argument = va_arg(list, long);
  va_end(list);
  return fcntl_to(fd, command, argument, __builtin_return_address(0));
}

int fcntl64(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  long argument = va_arg(list, long);
  va_end(list);
  return fcntl_to(fd, command, argument, __builtin_return_address(0));
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event* event) {
  if ((operation == EPOLL_CTL_ADD && STRIKES(WATCH)) || STRIKES(ANY)) return -1;
  return NEXT(epoll_ctl)(epoll, operation, fd, event);
}

int epoll_create1(int flags) {
  if (STRIKES(CREATE)) return -1;
  return NEXT(epoll_create1)(flags);
}

int epoll_wait(int epoll, struct epoll_event* events, int most, int timeout) {
  if (STRIKES(ANY)) return -1;
  return NEXT(epoll_wait)(epoll, events, most, timeout);
}

int poll(struct pollfd* fds, nfds_t count, int timeout) {
  if (STRIKES(ANY)) return -1;
  return NEXT(poll)(fds, count, timeout);
}

ssize_t recv(int fd, void* buffer, size_t length, int flags) {
  if (STRIKES(ANY)) return -1;
  return NEXT(recv)(fd, buffer, length, flags);
}

int shutdown(int fd, int how) {
  if (STRIKES(ANY)) return -1;
  return NEXT(shutdown)(fd, how);
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  if (STRIKES(ANY)) return -1;
  return NEXT(getsockopt)(fd, level, name, value, length);
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  if (STRIKES(ANY)) return -1;
  return NEXT(setsockopt)(fd, level, name, value, length);
}

int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void* argument = va_arg(list, void*);
  va_end(list);
  if (STRIKES(ANY)) return -1;
  return NEXT(ioctl)(fd, request, argument);
}

// An interrupted close() has closed the descriptor all the same (close(2)).
int close(int fd) {
  int result = NEXT(close)(fd);
  return STRIKES(ANY) ? -1 : result;
}

extern void* __libc_calloc(size_t count, size_t size);

void* calloc(size_t count, size_t size) { return STRIKES(ALLOCATE) ? NULL : __libc_calloc(count, size); }
