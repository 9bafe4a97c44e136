#include "low_water_marks.h"

#include <algorithm>
#include <iterator>

#include <uv.h>

#include "lingering_socket.h"
#include "syscall.h"

namespace lingering_close {
namespace {

struct Step {
  uint64_t sent;
  int mark;
  int64_t part;  // of the budget, 1/part, that all marks together may take for this step
};
// A mark is no more than its sender has sent: nobody parks more than he has given. The largest leaves half of the budget to those that come later.
constexpr Step kSteps[] = {{2 << 20, 2 << 20, 2}, {1 << 20, 1 << 20, 1}, {256 << 10, 256 << 10, 1}};

constexpr uint64_t kBudget = 128 << 20;
// At most an eighth of the memory with which all of TCP comes under pressure, by default a sixteenth of the machine's (tcp_mem in tcp(7),
// tcp_init_mem).
constexpr uint64_t kShareOfMemory = 128;

int64_t Budget() {
  const uint64_t allowed = uv_get_constrained_memory();
  const uint64_t memory = std::min(uv_get_total_memory(), allowed > 0 ? allowed : UINT64_MAX);
  return static_cast<int64_t>(std::min(kBudget, memory / kShareOfMemory));
}

void SetMark(int fd, int mark) {
  Call([&] { return setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark); });
}

// The kernel caps a mark at half of the receive buffer that there may be (tcp_set_rcvlowat).
int GetMark(int fd) {
  int mark = 1;
  SocketOption(fd, SO_RCVLOWAT, &mark);
  return mark;
}

}  // namespace

void LowWaterMarks::Raise(LingeringSocket& socket) {
  for (const Step& step : kSteps) {
    if (socket.asked >= step.mark) return;
    if (socket.discarded - socket.bulk_from < step.sent || socket.max_bytes - socket.discarded < static_cast<uint64_t>(step.mark)) continue;
    if (budget_ < 0) budget_ = Budget();
    if (sum_ - socket.mark + step.mark > budget_ / step.part) continue;
    if (uv_hrtime() < suspended_until_) return;
    SetMark(socket.fd, step.mark);
    socket.asked = step.mark;
    const int mark = GetMark(socket.fd);
    sum_ += mark - socket.mark;
    socket.mark = mark;
    return;
  }
}

void LowWaterMarks::Lower(LingeringSocket& socket) {
  const auto* const less = std::find_if(std::begin(kSteps), std::end(kSteps), [&](const Step& step) { return step.mark < socket.mark; });
  LowerTo(socket, less == std::end(kSteps) ? 0 : less->mark);
}

void LowWaterMarks::Remove(LingeringSocket& socket) { LowerTo(socket, 0); }

void LowWaterMarks::LowerTo(LingeringSocket& socket, int mark) {
  SetMark(socket.fd, std::max(mark, 1));
  sum_ -= socket.mark - mark;
  socket.mark = socket.asked = mark;
  socket.bulk_from = socket.discarded;
}

void LowWaterMarks::Forget(const LingeringSocket& socket) { sum_ -= socket.mark; }

}  // namespace lingering_close
