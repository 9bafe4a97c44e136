// What the C programs share.
#pragma once

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

static inline double now_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static inline void raise_file_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Linux's default, whatever this machine uses. BBR paces a sender by timers. Over loopback these timers run in the time
// of the process that has the processor, which may be the reader. On a virtual machine each costs an exit to the host.
static const char congestion_control[] = "cubic";

// After 20,000 connections the next address of the loopback net is used, so that the ports never run out.
static inline int connect_loopback(int port) {
  static unsigned made = 0;
  in_addr_t source = htonl(INADDR_LOOPBACK + 1 + (made++ / 20000 + getpid()) % 200);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = source};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int one = 1;
  if (fd < 0) die("socket");
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0) die("bind");
  static int told;
  int failed = setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion_control, sizeof congestion_control - 1) < 0;
  if (failed && !told++) perror(congestion_control);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
    close(fd);
    return -1;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static inline void write_all(int fd, const char *data, size_t length) {
  while (length > 0) {
    ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
    if (sent < 0) return;
    data += sent;
    length -= sent;
  }
}
