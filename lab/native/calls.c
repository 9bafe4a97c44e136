// Nanoseconds of CPU of the bare system calls. usage: calls TIMES; prints a JSON object of nanoseconds a call.
#include "common.h"
#include <pthread.h>
#include <sys/ioctl.h>

// Calls before the measurement, as in the JavaScript programs: the first sends of a connection cost less than later
// ones.
#define WARM 100000
#define MEASURE(name, last, call)                                                                            \
  do {                                                                                                       \
    for (long i = 0; i < times && i < WARM; i++) call;                                                       \
    double started = cpu_seconds();                                                                          \
    for (long i = 0; i < times; i++) call;                                                                   \
    printf("\"%s\":%.2f%s", name, (cpu_seconds() - started) / times * 1e9, last);                            \
  } while (0)

static void *wait_for_ever(void *unused) {
  for (;;) pause();
  return unused;
}

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  long times = atol(argv[1]);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr *)&address, length) < 0 || listen(server, 1) < 0) die("listen");
  getsockname(server, (struct sockaddr *)&address, &length);
  int fd = connect_loopback(ntohs(address.sin_port));
  int peer = accept(server, NULL, NULL);
  // A second thread, as Node.js always has: in a process of one thread the kernel does not count the users of a
  // descriptor (fdget).
  pthread_t thread;
  if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) die("pthread_create");
  struct linger linger = {1, 5};
  int bytes;
  char byte = 'x', sink[65536];
  printf("{");
  MEASURE("setLinger", ",", setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  MEASURE("pendingBytes", ",", ioctl(fd, FIONREAD, &bytes));
  long in_flight = 0;
  // The reads keep the buffer from filling. They are few, and every rival does the same.
  MEASURE("send", "}\n", {
    if (send(fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) die("send");
    if (++in_flight == 1000) {
      while (in_flight > 0) in_flight -= recv(peer, sink, sizeof sink, 0);
    }
  });
  return 0;
}
