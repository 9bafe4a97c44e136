// Small GETs at an even rate over one keep-alive connection, which is opened again when it breaks: what a well-behaved
// client sees.
// usage: getter PORT SECONDS PER_SECOND; prints JSON with the latencies in microseconds.
// The latency of a GET counts from the time at which it was due, also when it was sent late.
#include "common.h"

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  int port = atoi(argv[1]), fd = -1, failed = 0, count = 0;
  double seconds = atof(argv[2]), interval = 1 / atof(argv[3]);
  int most = seconds / interval;
  double *latency = calloc(most + 1, sizeof *latency);
  double started = now_seconds();
  for (int i = 0; i < most && now_seconds() - started < seconds; i++) {
    double due = started + i * interval;
    double early = due - now_seconds();
    if (early > 0) usleep(early * 1e6);
    if (fd < 0) fd = connect_loopback(port);
    char answer[4096];
    ssize_t got = -1;
    if (fd >= 0) {
      write_all(fd, request, sizeof request - 1);
      got = recv(fd, answer, sizeof answer, 0);
    }
    if (got <= 0) {
      failed++;
      if (fd >= 0) close(fd);
      fd = -1;
      continue;
    }
    latency[count++] = (now_seconds() - due) * 1e6;
  }
  qsort(latency, count, sizeof *latency, compare);
#define AT(q) (count > 0 ? latency[(int)((count - 1) * (q))] : 0)
  printf("{\"count\":%d,\"failed\":%d,", count, failed);
  printf("\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f}\n", AT(0.5), AT(0.99), AT(0.999));
  return 0;
}
