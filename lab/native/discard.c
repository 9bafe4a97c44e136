// The bare loop: answers each upload with 413, sends FIN and discards what comes, and does nothing else. The addon is
// measured against it.
// usage: discard RECV LOWAT
//   RECV: bytes of a read; 0 for everything in the queue, with MSG_TRUNC, so that the kernel copies nothing.
//   LOWAT: SO_RCVLOWAT, 0 for the default.
#include "common.h"

static const char answer[] = "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\n413\n";

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  size_t size = atoi(argv[1]);
  int lowat = atoi(argv[2]);
  int flags = size == 0 ? MSG_TRUNC | MSG_DONTWAIT : MSG_DONTWAIT;
  // More than any mark. A read that leaves a remainder waits for the next mark, so all larger marks would cost the
  // same.
  if (size == 0) size = 64 << 20;
  char *buffer = malloc(size);
  raise_file_limit();

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 4096) < 0) die("listen");
  getsockname(server, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = server};
  epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event);
  static char answered[65536];
  for (;;) {
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == server) {
        fd = accept4(server, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) continue;
        event.data.fd = fd;
        answered[fd] = 0;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
      } else if (!answered[fd]) {
        char head[4096];
        if (recv(fd, head, sizeof head, 0) <= 0) {
          close(fd);
          continue;
        }
        answered[fd] = 1;
        write_all(fd, answer, sizeof answer - 1);
        shutdown(fd, SHUT_WR);
        if (lowat > 0) setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat);
      } else {
        ssize_t got = recv(fd, buffer, size, flags);
        if (got == 0 || (got < 0 && errno != EAGAIN)) close(fd);
      }
    }
  }
}
