// One lingering connection: its limits, its progress, and the system calls on its socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace lingering_close {

class LowWaterMarks;

// Both in the order of src/system/addon.ts.
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

// Whether it keeps the event loop alive. In the order of REFS in src/engine/linger-loop.ts.
enum class Ref : char {
  kNo,
  kYes,
  kBriefly  // no, until KeepBriefly()
};

// Times are nanoseconds of uv_hrtime.
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kNever = UINT64_MAX;

struct LingeringSocket {
  uint64_t id;
  uint64_t started;
  uint64_t deadline;       // the end of the total time: it moves for a peer that has earned more
  uint64_t last_deadline;  // it moves no further than this
  uint64_t idle;           // how long it may make no progress
  uint64_t progress;       // when a byte was last received or acknowledged
  uint64_t max_bytes;
  uint64_t discarded;
  uint64_t bulk_from;  // a mark is no larger than what has come after so many bytes
  uint64_t looked_at;  // `discarded` when the limits were last checked
  uint64_t wakeup;     // when the limits are checked next, or kNever
  float min_rate;      // bytes a second that earn a peer more time
  int fd;
  int unacked;  // as last read; 0 where the socket cannot tell; -1 before the first read
  int mark;     // the low-water mark that we have set, or 0
  int asked;    // the mark that was asked for: the kernel may have set a smaller one
  bool bulk;    // takes part in the budget of the marks
  Ref ref;
  bool tcp, local, fin_sent, eof;
  Until until;
};

// By id.
using LingeringSockets = std::unordered_map<uint64_t, LingeringSocket>;

// How much one wake-up may read from one connection: twice the largest low-water mark, so that one recv empties what a
// mark has let gather. A connection that has more waits until all others have had their turn.
constexpr size_t kBytesPerTurn = 4 << 20;

enum class Queue { kEmpty, kEof, kMore, kLimit, kError };

// Discards up to `budget` bytes of the receive queue. `to_the_end` where more than data may be waiting: an EOF, an
// error, urgent data. `scratch` has room for kBytesPerTurn bytes. With kError, `error` is the errno.
Queue Discard(LingeringSocket& socket, size_t budget, bool to_the_end, LowWaterMarks& marks, char* scratch, int* error);

// A budget for what is in the queue now and an EOF behind it, but not for what a fast sender adds meanwhile.
size_t WholeQueue(const LingeringSocket& socket);

// Whether an error is pending, which stays on the socket.
bool HasError(int fd);

// Whether a UNIX socket has, or had, a peer.
bool WasConnected(int fd);

// -1 where the socket cannot tell.
int UnackedBytes(const LingeringSocket& socket);

// On: close() sends RST. Off: close() sends FIN and does not wait.
void SetLingerOption(int fd, bool on);

// The duplicate, or -errno.
int Duplicate(int fd);

}  // namespace lingering_close
