// Tells which lingering connections have something to read, or have had their FIN acknowledged.
//
// Owns two kernel queues (epoll instances on Linux) and two libuv handles. The first queue watches the connections. The
// second queue watches the first and is called the gate; a uv_poll_t watches the gate. While the gate is closed, events
// gather behind it, and a uv_timer_t fetches them once a millisecond.
//
// poller.cc has what is the same everywhere. The system calls are in poller_epoll.cc; a poller for kqueue would be one
// more such file, chosen in binding.gyp.
#pragma once

#include <cstddef>
#include <cstdint>

#include <uv.h>

#include "uv_handle.h"

namespace lingering_close {

struct Event {
  uint64_t id;
  bool readable;
  bool to_the_end;  // more than data may be waiting: an EOF, an error, urgent data
};

// What one wake-up has done.
struct Turn {
  int events;
  bool more;       // events are left
  bool ended;      // at least one connection has ended
  uint64_t bytes;  // discarded
};

class Poller {
 public:
  static constexpr int kHandles = 2;
  static constexpr int kMostAtOnce = 8;

  ~Poller();

  // 0, or -errno: then no handle has been initialized. `ready(owner)` is called when Take has events.
  int Open(uv_loop_t* loop, void (*ready)(void* owner), void* owner);
  // `closed` is called once for each of the kHandles handles, whose `data` is the owner.
  void Close(uv_close_cb closed);

  // Whether the poller keeps the event loop alive. At first it does not.
  void KeepAlive(bool alive);

  // 0, or -errno. Events are edges: each is told once. With `acknowledgement` there is also an event when the peer has
  // acknowledged everything that was sent, FIN included.
  int Add(int fd, uint64_t id, bool acknowledgement);
  // Tells once more, as an edge, what is the case now. Also changes `acknowledgement`.
  void Rearm(int fd, uint64_t id, bool acknowledgement);
  // To be called before the descriptor is closed: a duplicate in another process or thread would keep it watched, and
  // its number refused when it is added again.
  void Remove(int fd);

  // Takes events that are there now, without waiting, and gives their number. With kMostAtOnce there may be more.
  int Take(Event (&events)[kMostAtOnce]);

  // Decides after a wake-up whether events gather from now on. `connections`: how many are watched.
  void ChooseMode(const Turn& turn, size_t connections);

 private:
  int CreateQueues();
  void SetGate(bool open);

  int connections_ = -1;
  int gate_ = -1;
  const UvHandle<uv_poll_t> poll_{UV_POLL};
  const UvHandle<uv_timer_t> gathering_{UV_TIMER};
  void (*ready_)(void* owner) = nullptr;
  void* owner_ = nullptr;
  uint64_t woken_ = 0;
};

}  // namespace lingering_close
