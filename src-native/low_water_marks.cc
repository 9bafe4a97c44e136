#include "low_water_marks.h"

#include <algorithm>
#include <iterator>

#include <uv.h>

#include "lingering_socket.h"
#include "syscall.h"
#include "tcp_memory.h"

namespace lingering_close {
namespace {

// A mark never exceeds what its sender has sent, so a peer can leave at most that much in the queue.
constexpr int64_t kSteps[] = {2 << 20, 1 << 20, 256 << 10};
constexpr int64_t kLeast = kSteps[std::size(kSteps) - 1];

constexpr uint64_t kBudget = 128 << 20;
// By default TCP comes under memory pressure at a sixteenth of the machine's memory (tcp_mem in tcp(7), tcp_init_mem).
// The marks take at most an eighth of that.
constexpr uint64_t kShareOfMemory = 128;

// How much a connection has to send before it gets a mark again, after the kernel has woken us early for it.
constexpr uint64_t kWithoutMark = 16 << 20;
// How long there are no marks after the kernel was short of memory, and how often it is asked for that.
constexpr uint64_t kWithoutMarks = 1'000 * kMillisecond;
constexpr uint64_t kBetweenQuestions = 100 * kMillisecond;

int64_t Budget() {
  const uint64_t allowed = uv_get_constrained_memory();
  const uint64_t memory = std::min(uv_get_total_memory(), allowed > 0 ? allowed : UINT64_MAX);
  return static_cast<int64_t>(std::min(kBudget, memory / kShareOfMemory));
}

void SetMark(int fd, int mark) {
  Call([&] { return setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark); });
}

// The kernel caps a mark at half of the largest receive buffer that it allows (tcp_set_rcvlowat).
int GetMark(int fd) {
  int mark = 1;
  SocketOption(fd, SO_RCVLOWAT, &mark);
  return mark;
}

}  // namespace

void LowWaterMarks::Adjust(LingeringSocket& socket) {
  const auto sent = static_cast<int64_t>(socket.discarded - socket.bulk_from);
  if (!socket.bulk) {
    if (sent < kLeast || uv_hrtime() < suspended_until_) return;
    socket.bulk = true;
    bulk_++;
  }
  if (budget_ < 0) budget_ = Budget();
  const int64_t share = std::max(budget_ / bulk_, kLeast);
  if (socket.mark > share) return Lower(socket);
  for (const int64_t step : kSteps) {
    if (socket.asked >= step) return;
    if (step > share || step > sent || socket.max_bytes - socket.discarded < static_cast<uint64_t>(step)) continue;
    if (sum_ - socket.mark + step > budget_) continue;
    SetMark(socket.fd, static_cast<int>(step));
    socket.asked = static_cast<int>(step);
    const int mark = GetMark(socket.fd);
    sum_ += mark - socket.mark;
    socket.mark = mark;
    return;
  }
}

void LowWaterMarks::LowerIfSlow(LingeringSocket& socket, uint64_t received) {
  if (socket.bulk && received < static_cast<uint64_t>(socket.mark > 0 ? socket.mark : kLeast)) Lower(socket);
}

void LowWaterMarks::Lower(LingeringSocket& socket) {
  const auto* const less =
      std::find_if(std::begin(kSteps), std::end(kSteps), [&](int64_t step) { return step < socket.mark; });
  LowerTo(socket, less == std::end(kSteps) ? 0 : static_cast<int>(*less));
}

// The kernel wakes us below the mark where TCP is short of memory (tcp_epollin_ready, tcp_rmem_pressure). It also does
// so where the receive buffer of this connection is full: very small segments fill it with little data. A peer could
// send those on purpose, so its early wake-up says nothing about the others.
void LowWaterMarks::WokenEarly(LingeringSocket& socket, LingeringSockets& sockets) {
  LowerTo(socket, 0);
  socket.bulk_from += kWithoutMark;
  const uint64_t now = uv_hrtime();
  if (now < ask_from_) return;
  ask_from_ = now + kBetweenQuestions;
  if (!TcpIsShortOfMemory()) return;
  suspended_until_ = now + kWithoutMarks;
  // What was waiting below the marks comes as events: the kernel looks when a mark is lowered.
  for (auto& [id, other] : sockets) {
    if (other.bulk) LowerTo(other, 0);
  }
}

void LowWaterMarks::LowerTo(LingeringSocket& socket, int mark) {
  SetMark(socket.fd, std::max(mark, 1));
  sum_ -= socket.mark - mark;
  socket.mark = socket.asked = mark;
  socket.bulk_from = socket.discarded;
  if (mark == 0) Leave(socket);
}

void LowWaterMarks::Forget(LingeringSocket& socket) {
  sum_ -= socket.mark;
  Leave(socket);
}

void LowWaterMarks::Leave(LingeringSocket& socket) {
  if (socket.bulk) bulk_--;
  socket.bulk = false;
}

}  // namespace lingering_close
