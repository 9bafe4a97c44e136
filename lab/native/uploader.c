// Several clients, each with one upload after the other: a client sends the whole body, then reads the answer. It gives
// up when a write fails, as most clients do. It writes in pieces, as clients do: the kernel's buffer would take a whole
// body, and no write would fail.
// usage: uploader PORT UPLOADS CLIENTS BYTES
#include "common.h"
#include <sys/mman.h>
#include <sys/wait.h>

#define PIECE (16 << 10)

struct shared {
  int next, answered, broken, unanswered;
};

static int upload(int port, const char *message, size_t length) {
  int fd = connect_loopback(port);
  if (fd < 0) die("connect");
  const char *at = message;
  size_t left = length;
  int outcome = 0;
  while (left > 0) {
    ssize_t sent = send(fd, at, left < PIECE ? left : PIECE, MSG_NOSIGNAL);
    if (sent < 0) break;
    at += sent;
    left -= sent;
  }
  if (left > 0) {
    outcome = 1;
  } else {
    char answer[4096];
    size_t have = 0;
    ssize_t got;
    while (have < sizeof answer && (got = recv(fd, answer + have, sizeof answer - have, 0)) > 0) have += got;
    outcome = have > 12 && memcmp(answer, "HTTP/1.1 413", 12) == 0 ? 0 : 2;
  }
  close(fd);
  return outcome;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int port = atoi(argv[1]), uploads = atoi(argv[2]), clients = atoi(argv[3]);
  size_t bytes = atoll(argv[4]);
  char *message = calloc(1, bytes + 256);
  int head = sprintf(message, "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", bytes);
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  double started = now_seconds();
  for (int i = 0; i < clients; i++) {
    if (fork() > 0) continue;
    while (__sync_fetch_and_add(&shared->next, 1) < uploads) {
      int outcome = upload(port, message, head + bytes);
      __sync_fetch_and_add(outcome == 0 ? &shared->answered : outcome == 1 ? &shared->broken : &shared->unanswered, 1);
    }
    _exit(0);
  }
  int status, failed = 0;
  while (wait(&status) > 0) failed |= status;
  printf("{\"seconds\":%.6f,", now_seconds() - started);
  printf("\"answered\":%d,\"broken\":%d,\"unanswered\":%d}\n", shared->answered, shared->broken, shared->unanswered);
  return failed != 0;
}
