// Uploads that ignore the early answer: each sender writes until its body is complete or the server breaks the
// connection.
// usage: sender PORT SENDERS BYTES SECONDS
//   BYTES of each body. SECONDS 0: one upload each. Otherwise each sender begins a new upload when one is done
//   or broken, until that time has passed.
#include "common.h"

#define CHUNK (1 << 20)
static char chunk[CHUNK];

struct sender {
  int fd;
  long long left;
};

static int port;
static long long bytes;
static int epoll;

static int begin(struct sender *sender) {
  char head[256];
  sender->fd = connect_loopback(port);
  if (sender->fd < 0) return 0;
  int length = snprintf(head, sizeof head,
                        "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: %lld\r\n\r\n", bytes);
  write_all(sender->fd, head, length);
  fcntl(sender->fd, F_SETFL, O_NONBLOCK);
  sender->left = bytes;
  struct epoll_event event = {.events = EPOLLOUT, .data.ptr = sender};
  epoll_ctl(epoll, EPOLL_CTL_ADD, sender->fd, &event);
  return 1;
}

// Reads what is there. Returns 1 at EOF.
static int read_rest(int fd, int *answered) {
  char buffer[65536];
  for (;;) {
    ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 12 && memcmp(buffer, "HTTP/1.1 413", 12) == 0) *answered += 1;
    if (got == 0 || (got < 0 && errno != EAGAIN)) return 1;
    if (got < 0) return 0;
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  port = atoi(argv[1]);
  int count = atoi(argv[2]);
  bytes = atoll(argv[3]);
  double seconds = atof(argv[4]);
  struct sender *senders = calloc(count, sizeof *senders);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  raise_file_limit();
  signal(SIGPIPE, SIG_IGN);

  double started = now_seconds();
  long long sent_in_all = 0;
  int open = 0, broken = 0, answered = 0, connections = 0;
  for (int i = 0; i < count; i++) {
    if (!begin(&senders[i])) die("connect");
    open++;
    connections++;
  }
  while (open > 0 && (seconds == 0 || now_seconds() - started < seconds)) {
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, 1000);
    for (int i = 0; i < ready; i++) {
      struct sender *sender = events[i].data.ptr;
      int over = 0;
      if (sender->left > 0) {
        long long want = sender->left < CHUNK ? sender->left : CHUNK;
        ssize_t sent = send(sender->fd, chunk, want, MSG_NOSIGNAL);
        if (sent > 0) {
          sender->left -= sent;
          sent_in_all += sent;
        } else if (sent < 0 && errno != EAGAIN) {
          broken++;
          over = 1;
        }
        if (sender->left == 0) {
          shutdown(sender->fd, SHUT_WR);
          struct epoll_event event = {.events = EPOLLIN, .data.ptr = sender};
          epoll_ctl(epoll, EPOLL_CTL_MOD, sender->fd, &event);
        }
      } else {
        over = read_rest(sender->fd, &answered);
      }
      if (!over) continue;
      close(sender->fd);
      open--;
      if (seconds > 0 && begin(sender)) {
        open++;
        connections++;
      }
    }
  }
  printf("{\"sent\":%lld,\"seconds\":%.6f,", sent_in_all, now_seconds() - started);
  printf("\"connections\":%d,\"broken\":%d,\"answered\":%d}\n", connections, broken, answered);
  return 0;
}
