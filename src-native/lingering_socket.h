// One lingering connection: its limits, how far it has come, and what is asked of its socket.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lingering_close {

class LowWaterMarks;

// Both as in src/native.ts.
enum class Until { kEof = 0, kDelivered = 1, kDrained = 2 };
enum class Outcome {
  kEof,
  kDelivered,
  kDrained,
  kReset,
  kPeerReset,
  kIdle,
  kTimeout,
  kMaxBytes,
  kEvicted,
  kAborted,
  kClosed,
  kError
};

constexpr uint64_t kNever = UINT64_MAX;

struct LingeringSocket {
  uint64_t id;
  uint64_t deadline;  // total time, nanoseconds of uv_hrtime
  uint64_t idle;      // nanoseconds
  uint64_t progress;  // when a byte was last received or acknowledged
  uint64_t max_bytes;
  uint64_t discarded;
  uint64_t bulk_from;  // `discarded` when the mark was last lowered
  uint64_t looked_at;  // `discarded` when the deadlines were last looked at
  uint64_t wakeup;     // when its deadlines are looked at next; kNever for never
  int fd;
  int unacked;  // as last read, 0 where the socket cannot tell; -1 before
  int mark;     // 0 while the low-water mark is the socket's own
  int asked;    // for which mark: the kernel may have made less of it
  bool bulk;    // among those that share the budget of marks
  bool tcp, local, fin_sent, eof, ref;
  Until until;
};

// What a wake-up may read of one connection: twice the largest low-water mark, so that one recv empties what a mark has
// let gather. Who has more comes round again in the next iteration of the event loop, or a millisecond later in the
// busy mode, behind everybody else.
constexpr size_t kBytesPerTurn = 4 << 20;

enum class Queue { kEmpty, kEof, kMore, kLimit, kError };

// Throws away up to `budget` bytes of the receive queue. `to_the_end` where more than data may be waiting: an EOF, an
// error, urgent data. `scratch` has room for kBytesPerTurn. With kError, `error` is the errno.
Queue Discard(LingeringSocket& socket, size_t budget, bool to_the_end, LowWaterMarks& marks, char* scratch, int* error);

// A budget for what is in the queue now and the EOF behind it, but not for what a fast sender adds meanwhile.
size_t WholeQueue(const LingeringSocket& socket);

// -1 where the socket cannot tell.
int UnackedBytes(const LingeringSocket& socket);

// With {on, 0} close() sends RST; with {on, n} it would block the event loop; off is a plain close.
void SetLingerOption(int fd, bool on);

// Or -errno.
int Duplicate(int fd);

}  // namespace lingering_close
