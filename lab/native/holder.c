// Peers that hold their connections: each sends the head of an upload, reads the early answer, and then sends nothing,
// or drips.
// usage: holder PORT [drips]; then commands, one a line, each answered with a line of JSON:
//   open N       opens N more connections; answered when the server has answered all of them
//   visit N      the same, but each connection closes as soon as it has its answer
//   drip SECONDS sends one byte a second on each connection, spread over the second
//   arrive RATE SECONDS   opens RATE connections a second; with `drips`, each open one sends a byte a second meanwhile
//   close        closes all connections
#include "common.h"

#define MOST 19000
static const char head[] = "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n";
static int fds[MOST];
static int open_fds;

// Not to EOF: nginx sends FIN only when it has read the body.
static void read_answer(int fd) {
  char answer[4096];
  if (recv(fd, answer, sizeof answer, 0) <= 0) die("recv");
}

static void sleep_until(double when) {
  double left = when - now_seconds();
  if (left > 0) usleep(left * 1e6);
}

// In batches, so that the backlog does not overflow.
static void open_more(int port, int number, int stay) {
  for (int left = number; left > 0;) {
    int from = open_fds;
    for (; left > 0 && open_fds - from < 500 && open_fds < MOST; left--) {
      if ((fds[open_fds] = connect_loopback(port)) < 0) die("connect");
      write_all(fds[open_fds++], head, sizeof head - 1);
    }
    for (int i = from; i < open_fds; i++) read_answer(fds[i]);
    while (!stay && open_fds > from) close(fds[--open_fds]);
  }
}

// Each hundredth of a second serves a hundredth of the connections.
static void drip(int tick, long long *sent, long long *failed) {
  for (int i = tick % 100; i < open_fds; i += 100) {
    if (send(fds[i], "x", 1, MSG_NOSIGNAL) == 1) *sent += 1;
    else *failed += 1;
  }
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) return 2;
  int drips = argc == 3;
  int port = atoi(argv[1]);
  char line[64];
  raise_file_limit();
  while (fgets(line, sizeof line, stdin)) {
    long long sent = 0, failed = 0;
    int number = 0, rate = 0;
    if (sscanf(line, "open %d", &number) == 1) {
      open_more(port, number, 1);
    } else if (sscanf(line, "visit %d", &number) == 1) {
      open_more(port, number, 0);
    } else if (sscanf(line, "arrive %d %d", &rate, &number) == 2) {
      double started = now_seconds();
      for (int tick = 0; tick < number * 100; tick++) {
        long long from = (long long)rate * tick / 100, to = (long long)rate * (tick + 1) / 100;
        for (long long due = to - from; due > 0 && open_fds < MOST; due--) {
          if ((fds[open_fds] = connect_loopback(port)) < 0) die("connect");
          write_all(fds[open_fds], head, sizeof head - 1);
          read_answer(fds[open_fds++]);
        }
        if (drips) drip(tick, &sent, &failed);
        sleep_until(started + (tick + 1) / 100.0);
      }
    } else if (sscanf(line, "drip %d", &number) == 1) {
      double started = now_seconds();
      for (int tick = 0; tick < number * 100; tick++) {
        drip(tick, &sent, &failed);
        sleep_until(started + (tick + 1) / 100.0);
      }
    } else {
      for (int i = 0; i < open_fds; i++) close(fds[i]);
      open_fds = 0;
    }
    printf("{\"open\":%d,\"sent\":%lld,\"failed\":%lld}\n", open_fds, sent, failed);
    fflush(stdout);
  }
  return 0;
}
