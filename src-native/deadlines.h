// When the limits of each lingering connection are checked next.
//
// Owns one uv_timer_t and a heap of times. An entry of the heap is not removed when its connection ends or is scheduled
// anew: it is stale from then on, and Take skips it.
#pragma once

#include <cstdint>
#include <vector>

#include <uv.h>

#include "lingering_socket.h"
#include "uv_handle.h"

namespace lingering_close {

class Deadlines {
 public:
  static constexpr int kHandles = 1;

  explicit Deadlines(LingeringSockets& sockets) : sockets_(sockets) {}

  // False where there was no memory for the timer: then Open must not be called.
  bool HasMemory() const { return static_cast<bool>(timer_); }
  // `due(owner)` is called when the earliest time has come.
  void Open(uv_loop_t* loop, void (*due)(void* owner), void* owner);
  // `closed` is called once for each of the kHandles handles, whose `data` is the owner.
  void Close(uv_close_cb closed);

  // Replaces the time that the connection had. kNever: no time.
  void Schedule(LingeringSocket& socket, uint64_t at);
  // Takes one entry out of the heap. False where no time has come. `*socket` is nullptr where the entry was stale.
  bool Take(uint64_t now, LingeringSocket** socket);
  // Sets the timer for the earliest time. Schedule does so too; call it after Take.
  void Arm();
  // For when no connection is left.
  void Clear();

 private:
  struct Wakeup {
    uint64_t at, id;
    bool operator>(const Wakeup& other) const { return at > other.at; }
  };

  LingeringSockets& sockets_;
  const UvHandle<uv_timer_t> timer_{UV_TIMER};
  void (*due_)(void* owner) = nullptr;
  void* owner_ = nullptr;
  uint64_t armed_ = 0;           // the time for which the timer is set
  std::vector<Wakeup> wakeups_;  // a heap, the earliest in front
};

}  // namespace lingering_close
