#include "lingering_socket.h"

#include <algorithm>

#include <fcntl.h>
#include <poll.h>
#include <uv.h>

#include "low_water_marks.h"
#include "platform.h"

namespace lingering_close {
namespace {

// With MSG_TRUNC, TCP frees the bytes and does not copy them (tcp(7)), so the buffer is never touched. Other protocols
// know no such flag and need the buffer.
ssize_t Receive(const LingeringSocket& socket, char* scratch, size_t want) {
  return Call([&] { return recv(socket.fd, scratch, want, MSG_DONTWAIT | (socket.tcp ? MSG_TRUNC : 0)); });
}

// For when max_bytes is used up: one more byte is too many, but an EOF is still an EOF.
ssize_t Peek(const LingeringSocket& socket) {
  char byte;
  return Call([&] { return recv(socket.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT); });
}

}  // namespace

Queue Discard(LingeringSocket& socket, size_t budget, bool to_the_end, LowWaterMarks& marks, char* scratch,
              int* error) {
  for (;;) {
    const uint64_t left = socket.max_bytes - socket.discarded;
    const size_t want = std::min<uint64_t>({left, budget, kBytesPerTurn});
    const ssize_t got = left == 0 ? Peek(socket) : Receive(socket, scratch, want);
    if (got == 0) return Queue::kEof;
    if (got == -EAGAIN) return Queue::kEmpty;
    if (got < 0) {
      *error = static_cast<int>(-got);
      return Queue::kError;
    }
    if (left == 0) return Queue::kLimit;
    socket.discarded += got;
    socket.progress = uv_hrtime();
    budget -= got;
    if (socket.tcp) marks.Adjust(socket);
    if (budget == 0) return Queue::kMore;
    // A TCP queue that gave less than was asked for is empty, unless an event told that more than data is waiting.
    if (socket.tcp && static_cast<size_t>(got) < want && !to_the_end) return Queue::kEmpty;
  }
}

size_t WholeQueue(const LingeringSocket& socket) {
  int bytes = 0;
  Call([&] { return ioctl(socket.fd, FIONREAD, &bytes); });
  return static_cast<size_t>(bytes) + 1;
}

bool HasError(int fd) {
  pollfd state = {fd, 0, 0};
  return Call([&] { return poll(&state, 1, 0); }) == 1 && (state.revents & POLLERR);
}

bool WasConnected(int fd) {
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  return Call([&] { return getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size); }) == 0;
}

int UnackedBytes(const LingeringSocket& socket) {
  int bytes = 0;
  return platform::UnackedBytes(socket.fd, &bytes) < 0 ? -1 : bytes;
}

void SetLingerOption(int fd, bool on) {
  const struct linger value = {on, 0};
  Call([&] { return setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value); });
}

int Duplicate(int fd) {
  return Call([&] { return fcntl(fd, F_DUPFD_CLOEXEC, 0); });
}

}  // namespace lingering_close
