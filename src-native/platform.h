// What differs between Linux and macOS: the only #ifdefs of the addon.
#pragma once

#include <csignal>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "syscall.h"

#if defined(__linux__)
#include <linux/sockios.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#elif !defined(__APPLE__)
#error "lingering-close has an addon for Linux and macOS only; elsewhere its streams engine serves"
#endif

namespace lingering_close::platform {

// Which file a descriptor leads to. `breaks`: a pipe or a socket, which alone can raise SIGPIPE.
struct FileIdentity {
  uint64_t device;
  uint64_t inode;
  bool breaks;

  bool operator==(const FileIdentity& other) const { return device == other.device && inode == other.inode; }
};

inline bool Breaks(mode_t mode) { return S_ISFIFO(mode) || S_ISSOCK(mode); }

#if defined(__APPLE__)

// macOS counts SO_LINGER in clock ticks. SO_LINGER_SEC counts in seconds.
inline constexpr int kLingerOption = SO_LINGER_SEC;
// With either option the kernel keeps ticks of 10 ms in a short (so_linger, sys/socketvar.h).
inline constexpr int kMaxLingerSeconds = 327;
inline constexpr int kNoSignal = 0;
inline constexpr bool kHasLingerLoop = false;

inline int UnackedBytes(int fd, int* bytes) {
  socklen_t size = sizeof *bytes;
  return Call([&] { return getsockopt(fd, SOL_SOCKET, SO_NWRITE, bytes, &size); });
}

// macOS has no MSG_NOSIGNAL: a socket option keeps SIGPIPE away. libuv sets it on its own sockets.
inline int PrepareSend(int fd) {
  const int on = 1;
  return Call([&] { return setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on); });
}

inline int Identify(int fd, FileIdentity* identity) {
  struct stat now = {};
  const int result = Call([&] { return fstat(fd, &now); });
  if (result == 0) *identity = {static_cast<uint64_t>(now.st_dev), now.st_ino, Breaks(now.st_mode)};
  return result;
}

inline bool IsOwnSignal(const siginfo_t&) { return true; }

#else

inline constexpr int kLingerOption = SO_LINGER;
// The kernel takes more, but other systems have fields of 16 bits.
inline constexpr int kMaxLingerSeconds = 65'535;
inline constexpr int kNoSignal = MSG_NOSIGNAL;
inline constexpr bool kHasLingerLoop = true;

inline int UnackedBytes(int fd, int* bytes) {
  return Call([&] { return ioctl(fd, SIOCOUTQ, bytes); });
}

inline int PrepareSend(int) { return 0; }

// Not fstat: glibc 2.33 has given it a new symbol, without which the addon would not load on an older one.
inline int Identify(int fd, FileIdentity* identity) {
  struct statx now = {};
  const auto result = Call([&] { return syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO, &now); });
  if (result == 0)
    *identity = {uint64_t{now.stx_dev_major} << 32 | now.stx_dev_minor, now.stx_ino, Breaks(now.stx_mode)};
  return static_cast<int>(result);
}

// Whether a SIGPIPE comes from a write of this process: the kernel names the process itself as the sender then.
inline bool IsOwnSignal(const siginfo_t& info) { return info.si_pid == getpid(); }

#endif

// The descriptor of the system call that has just failed with EPIPE, from the registers that a signal handler is given;
// -1 where they do not say. The first argument is still where it was, on x86-64 only: elsewhere the result takes its
// place. (write, writev, pwrite, sendto, sendmsg and sendfile all have it first.)
#if defined(__linux__) && defined(__x86_64__)
inline int FailedWrite(const void* context) {
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  return registers[REG_RAX] == -EPIPE ? static_cast<int>(registers[REG_RDI]) : -1;
}
#else
inline int FailedWrite(const void*) { return -1; }
#endif

}  // namespace lingering_close::platform
