#include "deadlines.h"

#include <algorithm>
#include <functional>

namespace lingering_close {

void Deadlines::Open(uv_loop_t* loop, void (*due)(void* owner), void* owner) {
  due_ = due;
  owner_ = owner;
  uv_timer_init(loop, timer_.get());
  uv_unref(timer_.base());
  timer_.get()->data = this;
}

void Deadlines::Close(uv_close_cb closed) {
  timer_.get()->data = owner_;
  uv_close(timer_.base(), closed);
}

void Deadlines::Schedule(LingeringSocket& socket, uint64_t at) {
  socket.wakeup = at;
  if (at == kNever) return;
  // Most entries are stale. Rebuild the heap: the cost is amortized, O(1) for each entry.
  if (wakeups_.size() > 2 * sockets_.size() + 1'024) {
    wakeups_.clear();
    for (const auto& [id, other] : sockets_) {
      if (other.wakeup != kNever && id != socket.id) wakeups_.push_back({other.wakeup, id});
    }
    std::make_heap(wakeups_.begin(), wakeups_.end(), std::greater<>());
  }
  wakeups_.push_back({at, socket.id});
  std::push_heap(wakeups_.begin(), wakeups_.end(), std::greater<>());
  Arm();
}

bool Deadlines::Take(uint64_t now, LingeringSocket** socket) {
  if (wakeups_.empty() || wakeups_.front().at > now) return false;
  const Wakeup wakeup = wakeups_.front();
  std::pop_heap(wakeups_.begin(), wakeups_.end(), std::greater<>());
  wakeups_.pop_back();
  const auto found = sockets_.find(wakeup.id);
  const bool stale = found == sockets_.end() || found->second.wakeup != wakeup.at;
  *socket = stale ? nullptr : &found->second;
  return true;
}

// The timer is only ever brought forward. A timer that fires too early finds nothing due, and is set anew. Never for
// 0 ms: libuv may run such a timer in the same turn, and the caps on the work of a wake-up would have no effect.
void Deadlines::Arm() {
  if (wakeups_.empty()) return;
  const uint64_t at = wakeups_.front().at;
  if (uv_is_active(timer_.base()) && armed_ <= at) return;
  const uint64_t now = uv_hrtime();
  armed_ = at;
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        const auto* self = static_cast<Deadlines*>(timer->data);
        self->due_(self->owner_);
      },
      at > now ? (at - now) / kMillisecond + 1 : 1, 0);
}

void Deadlines::Clear() {
  uv_timer_stop(timer_.get());
  wakeups_.clear();
}

}  // namespace lingering_close
