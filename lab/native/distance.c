// Two network namespaces, and between them a network with a round trip, a rate, loss and outages. Linux, as root.
// usage: distance [--rtt MS] [--up MBIT] [--down MBIT] [--loss PERCENT] [--queue BYTES] [--lines COUNT] [--seed NUMBER]
//                 [--congestion NAME] [--cut-at SECONDS] [--cut-for SECONDS] [--server COMMAND] [--client COMMAND]
//
// The server's namespace has the addresses 10.77.0.1 to 10.77.0.COUNT, one for each line. The client's namespace has
// 10.77.1.1. Each line has its own rate and its own queue in each direction, so that clients do not share a line.
//
// Without --client it prints the names of both namespaces, server first, and runs until SIGINT or SIGTERM, or until the
// process that started it is gone. With --client it runs until that command ends, and its exit code is the command's.
// In both commands DISTANCE_PEER is the name of the other namespace. At the end it prints what it has forwarded.
//
// A packet waits in the queue of its line, or is dropped where the queue is full. It takes size / rate to be sent, and
// then rtt / 2 to arrive. It is lost on the way with the given probability, in each direction, and always during an
// outage: for --cut-for seconds, from --cut-at seconds after the start where that is given, and from each SIGUSR1.
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SERVER, CLIENT, MAX_LINES = 250, MTU = 1500, LEAST_QUEUE = 20 * MTU };

struct packet {
  struct packet *next;
  int64_t due, size;
  unsigned char bytes[MTU];
};

struct line {
  struct packet *first, **last;
  int64_t free_at;  // when everything that waits is sent
};

// From one side to the other.
struct direction {
  double ns_per_byte;
  int64_t queue;  // how many bytes may wait
  struct line lines[MAX_LINES];
  unsigned long forwarded, lost, dropped;
};

static struct direction from[2];
static int tun[2], lines;
static char name[2][32];
static pid_t child[2];
static double rtt = 80, loss, cut_at = -1, cut_for;
static const char *congestion = "cubic";
static int64_t cut_from = INT64_MAX;
static volatile sig_atomic_t stopped, cut_again;

// SIGCHLD only has to interrupt ppoll.
static void on_signal(int number) {
  if (number == SIGUSR1) cut_again = 1;
  else if (number != SIGCHLD) stopped = 1;
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

__attribute__((format(printf, 1, 2))) static int run(const char *format, ...) {
  char command[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(command, sizeof command, format, arguments);
  va_end(arguments);
  return system(command);
}

static void enter(const char *namespace) {
  char path[64];
  snprintf(path, sizeof path, "/run/netns/%s", namespace);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET)) err(1, "%s", path);
  close(fd);
}

static void clean(void) {
  for (int side = 0; side < 2; side++) {
    if (child[side]) kill(-child[side], SIGTERM);
    if (*name[side]) run("ip netns del %s", name[side]);
  }
}

static void make_side(int side) {
  char path[64];
  snprintf(path, sizeof path, "distance-%d-%s", getpid(), side == SERVER ? "server" : "client");
  if (run("ip netns add %s", path)) errx(1, "ip netns add failed");
  strcpy(name[side], path);
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  enter(name[side]);
  struct ifreq request = {.ifr_name = "line", .ifr_flags = IFF_TUN | IFF_NO_PI};
  tun[side] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tun[side] < 0 || ioctl(tun[side], TUNSETIFF, &request)) err(1, "/dev/net/tun");
  // Without tcp_no_metrics_save a connection would begin with what an earlier one has learned of the network.
  int failed = run("sysctl -qw net.ipv4.tcp_no_metrics_save=1 && ip link set lo up && "
                   "ip link set line mtu %d txqueuelen 10000 up", MTU);
  for (int i = 1; i <= (side == SERVER ? lines : 1); i++)
    failed |= run("ip address add 10.77.%d.%d/16 dev line", side, i);
  // A route may name any congestion control; the sysctl takes only those of a list.
  failed |= run("ip route change 10.77.0.0/16 dev line congctl %s", congestion);
  if (failed) errx(1, "cannot set up %s", name[side]);
  if (setns(home, CLONE_NEWNET) || close(home)) err(1, "setns");
}

static pid_t start(int side, const char *command) {
  pid_t pid = fork();
  if (pid) return pid;
  setpgid(0, 0);
  enter(name[side]);
  setenv("DISTANCE_PEER", name[!side], 1);
  execl("/bin/sh", "sh", "-c", command, (char *)NULL);
  _exit(127);
}

static int is_lost(int64_t time) {
  return drand48() < loss / 100 || (time >= cut_from && time - cut_from < cut_for * 1e9);
}

// Reads every packet that one side has sent.
static void take(int side) {
  struct direction *way = &from[side];
  unsigned char bytes[MTU + 1];
  for (int size; (size = read(tun[side], bytes, sizeof bytes)) > 0;) {
    // The kernel also sends router solicitations, which are IPv6.
    if (size < 20 || size > MTU || bytes[0] >> 4 != 4) continue;
    // The last byte of the server's address is the number of the line.
    int number = bytes[side == SERVER ? 15 : 19] - 1;
    if (number < 0 || number >= lines) continue;
    struct line *line = &way->lines[number];
    int64_t time = now();
    if (line->free_at < time) line->free_at = time;
    if (line->free_at - time > way->queue * way->ns_per_byte) {
      way->dropped++;
      continue;
    }
    line->free_at += size * way->ns_per_byte;
    // Lost on the way: it has taken its time on the line.
    if (is_lost(time)) {
      way->lost++;
      continue;
    }
    struct packet *packet = malloc(sizeof *packet);
    if (!packet) err(1, "malloc");
    packet->next = NULL;
    packet->due = line->free_at + rtt / 2 * 1e6;
    packet->size = size;
    memcpy(packet->bytes, bytes, size);
    *line->last = packet;
    line->last = &packet->next;
  }
}

// Hands over each packet from one side that is due. Returns when the next one is.
static int64_t deliver(int side) {
  int64_t next = INT64_MAX, time = now();
  for (struct line *line = from[side].lines; line < from[side].lines + lines; line++) {
    while (line->first && line->first->due <= time) {
      struct packet *packet = line->first;
      if (write(tun[!side], packet->bytes, packet->size) == packet->size) from[side].forwarded++;
      line->first = packet->next;
      if (!line->first) line->last = &line->first;
      free(packet);
    }
    if (line->first && line->first->due < next) next = line->first->due;
  }
  return next;
}

static void parse(int count, char **arguments, const char **command) {
  double up = 20, down = 100, queue = 0, number = 1, seed = 1;
  const struct {
    const char *name;
    double *number;
    const char **text;
  } options[] = {{"--rtt", &rtt, 0},         {"--up", &up, 0},           {"--down", &down, 0},
                 {"--loss", &loss, 0},       {"--queue", &queue, 0},     {"--lines", &number, 0},
                 {"--seed", &seed, 0},       {"--cut-at", &cut_at, 0},   {"--cut-for", &cut_for, 0},
                 {"--congestion", 0, &congestion}, {"--server", 0, &command[SERVER]},
                 {"--client", 0, &command[CLIENT]}, {0, 0, 0}};
  for (int i = 1; i < count; i += 2) {
    int o = 0;
    while (options[o].name && strcmp(arguments[i], options[o].name)) o++;
    if (!options[o].name || i + 1 == count) errx(2, "unknown, or without a value: %s", arguments[i]);
    if (options[o].text) *options[o].text = arguments[i + 1];
    else *options[o].number = atof(arguments[i + 1]);
  }
  lines = number;
  if (up <= 0 || down <= 0 || rtt < 0 || lines < 1 || lines > MAX_LINES)
    errx(2, "rates must be > 0, rtt >= 0, lines 1 to %d", MAX_LINES);
  srand48(seed);
  for (int side = 0; side < 2; side++) {
    struct direction *way = &from[side];
    way->ns_per_byte = 8000 / (side == SERVER ? down : up);
    double product = rtt * 1e6 / way->ns_per_byte;
    way->queue = queue ? queue : 2 * product > LEAST_QUEUE ? 2 * product : LEAST_QUEUE;
    for (int i = 0; i < lines; i++) way->lines[i].last = &way->lines[i].first;
  }
}

int main(int count, char **arguments) {
  const char *command[2] = {0};
  parse(count, arguments, command);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  atexit(clean);
  const int signals[] = {SIGINT, SIGTERM, SIGCHLD, SIGUSR1};
  sigset_t blocked, open_mask;
  sigemptyset(&blocked);
  for (int i = 0; i < 4; i++) {
    sigaddset(&blocked, signals[i]);
    signal(signals[i], on_signal);
  }
  for (int side = 0; side < 2; side++) make_side(side);
  for (int side = 0; side < 2; side++) child[side] = command[side] ? start(side, command[side]) : 0;
  if (cut_at >= 0) cut_from = now() + cut_at * 1e9;
  if (!command[CLIENT]) {
    printf("%s %s\n", name[SERVER], name[CLIENT]);
    fflush(stdout);
  }
  // On a busy machine a packet that waits for this process would have a longer way.
  setpriority(PRIO_PROCESS, 0, -10);
  sigprocmask(SIG_BLOCK, &blocked, &open_mask);

  int status = 0;
  struct pollfd fds[2] = {{.fd = tun[0], .events = POLLIN}, {.fd = tun[1], .events = POLLIN}};
  while (!stopped) {
    if (child[CLIENT] && waitpid(child[CLIENT], &status, WNOHANG) == child[CLIENT]) break;
    if (cut_again) {
      cut_again = 0;
      cut_from = now();
    }
    int64_t next = deliver(SERVER), other = deliver(CLIENT);
    if (other < next) next = other;
    int64_t wait = next == INT64_MAX ? 0 : next - now();
    struct timespec timeout = {wait > 0 ? wait / 1000000000 : 0, wait > 0 ? wait % 1000000000 : 0};
    if (ppoll(fds, 2, next == INT64_MAX ? NULL : &timeout, &open_mask) < 0 && errno != EINTR) err(1, "ppoll");
    for (int side = 0; side < 2; side++) take(side);
  }
  for (int side = 0; side < 2; side++)
    fprintf(stderr, "%s: %lu packets forwarded, %lu lost, %lu dropped at the queue\n", name[side],
            from[side].forwarded, from[side].lost, from[side].dropped);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
