// Everything here but Guard() runs in a signal handler, in any thread: system calls of signal-safety(7) and lock-free
// atomics, nothing else.
#include "broken_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <uv.h>
#include <atomic>

#include "platform.h"
#include "syscall.h"

namespace node {

// "Safe to call more than once and from signal handlers" (src/node_internals.h): sets O_NONBLOCK and the modes of a
// terminal back to what they were at the start of the process, which only Node knows. It is no public API, and so it
// is a weak symbol: null in a host that does not export it.
__attribute__((weak)) void ResetStdio();

}  // namespace node

namespace lingering_close::broken_pipe {
namespace {

struct Stream {
  platform::FileIdentity identity;
  bool known;
  int flags;
};

// Of descriptors 0 to 2. Written once, before the handler is installed.
Stream streams[3];

std::atomic<Disposition> others{kIgnore};
// With kHandler, the one of these that is set is called: libuv's handler, where there are listeners.
std::atomic<void (*)(int)> next{nullptr};
std::atomic<void (*)(int, siginfo_t*, void*)> next_with_info{nullptr};

static_assert(decltype(others)::is_always_lock_free && decltype(next)::is_always_lock_free &&
              decltype(next_with_info)::is_always_lock_free);

// By the file and not by the number: another descriptor may lead to stdout (/dev/stdout), and number 1 may be a
// socket's, once it has been closed.
bool IsSameFile(int fd, const Stream& stream) {
  platform::FileIdentity now = {};
  return stream.known && platform::Identify(fd, &now) == 0 && now == stream.identity;
}

// Whether the write that has raised the signal was one to stdout or stderr. Where the processor's registers do not say
// which descriptor it had, the state of stdout and stderr decides.
bool IsStdio(const void* context) {
  const int fd = platform::FailedWrite(context);
  if (fd < 0) return IsBroken(STDOUT_FILENO) || IsBroken(STDERR_FILENO);
  return IsSameFile(fd, streams[STDOUT_FILENO]) || IsSameFile(fd, streams[STDERR_FILENO]);
}

void OnSigpipe(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  if (platform::IsOwnSignal(*info) && IsStdio(context)) Die();
  switch (others) {
    case kDefault:
      Die();
    case kHandler:
      if (const auto handler = next_with_info.load()) {
        handler(signal, info, context);
      } else if (const auto plain = next.load()) {
        plain(signal);
      }
      break;
    case kIgnore:
      break;
  }
  errno = saved;
}

int Poll(int fd) {
  pollfd state = {fd, 0, 0};
  return Call([&] { return poll(&state, 1, 0); }) == 1 ? state.revents : 0;
}

// A terminal that has hung up takes no modes, and node::ResetStdio() aborts the process over it.
bool IsHungUp(int fd) { return !streams[fd].identity.breaks && (Poll(fd) & (POLLERR | POLLHUP)) != 0; }

void RestoreStdio() {
  if (node::ResetStdio && !IsHungUp(STDIN_FILENO) && !IsHungUp(STDOUT_FILENO) && !IsHungUp(STDERR_FILENO))
    return node::ResetStdio();
  uv_tty_reset_mode();
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    const int flags = Call([&] { return fcntl(fd, F_GETFL); });
    if (flags < 0 || !IsSameFile(fd, streams[fd]) || !((flags ^ streams[fd].flags) & O_NONBLOCK)) continue;
    Call([&] { return fcntl(fd, F_SETFL, flags ^ O_NONBLOCK); });
  }
}

void Remember() {
  static std::atomic<bool> remembered{false};
  if (remembered.exchange(true)) return;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    Stream& stream = streams[fd];
    stream.known = platform::Identify(fd, &stream.identity) == 0;
    stream.flags = Call([&] { return fcntl(fd, F_GETFL); });
  }
}

}  // namespace

int Guard() {
  Remember();
  struct sigaction before = {};
  if (const int result = Call([&] { return sigaction(SIGPIPE, nullptr, &before); }); result < 0) return result;
  if (Owns(before)) return 0;
  const bool with_info = before.sa_flags & SA_SIGINFO;
  const bool plain = !with_info && before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN;
  next_with_info = with_info ? before.sa_sigaction : nullptr;
  next = plain ? before.sa_handler : nullptr;
  others = with_info || plain ? kHandler : kIgnore;
  struct sigaction action = {};
  action.sa_sigaction = OnSigpipe;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  return Call([&] { return sigaction(SIGPIPE, &action, nullptr); });
}

bool Owns(const struct sigaction& action) { return action.sa_flags & SA_SIGINFO && action.sa_sigaction == OnSigpipe; }

Disposition Others() { return others; }

void SetOthers(Disposition disposition) { others = disposition; }

bool IsBroken(int fd) {
  if (fd != STDOUT_FILENO && fd != STDERR_FILENO) return false;
  // Of a pipe or socket only: a terminal that has hung up says the same, and a write to it is EIO without a signal.
  if (!streams[fd].identity.breaks || !IsSameFile(fd, streams[fd])) return false;
  // POLLERR: a pipe without a reader, on Linux. POLLHUP: a socket whose peer has closed, and a pipe elsewhere.
  return (Poll(fd) & (POLLERR | POLLHUP)) != 0;
}

void Die() {
  RestoreStdio();
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &action, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  // Not pthread_sigmask, whose version in glibc is newer than the oldest that the addon is for. On Linux and macOS this
  // one too is the thread's.
  sigprocmask(SIG_UNBLOCK, &set, nullptr);  // NOLINT(concurrency-mt-unsafe)
  static_cast<void>(raise(SIGPIPE));
  // Still here: the first process of a PID namespace is not killed by a default action.
  _exit(128 + SIGPIPE);
}

}  // namespace lingering_close::broken_pipe
