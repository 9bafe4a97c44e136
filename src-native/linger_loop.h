// The discard loop of a lingering close. FIN has been sent, or is sent here; from then on whatever the peer still sends
// is thrown away, so that close() finds an empty receive queue and the kernel has no reason to send RST (tcp_close in
// net/ipv4/tcp.c).
//
// One LingerLoop an environment: a private epoll instance, a second one over it as a gate, which one uv_poll_t watches,
// one uv_timer_t over all deadlines, and one that opens the gate. It owns every descriptor in it. Linux only.
#pragma once

#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include <napi.h>
#include <uv.h>

#include "lingering_socket.h"
#include "low_water_marks.h"

struct epoll_event;

namespace lingering_close {

class LingerLoop {
 public:
  // The environment's own, or nullptr before Open.
  static LingerLoop* Get(napi_env env);
  static int Open(Napi::Env env, Napi::Function callback);

  // Whether a raw descriptor may be taken over: 0, or 1 if it listens, 2 if this thread's event loop has it.
  int CheckTakeover(int fd);

  // An id, or -errno. With `take` the descriptor itself is ours from now on; otherwise a duplicate, so that the caller
  // can close its own at once.
  int64_t Start(int fd, bool take, Until until, double idle, double timeout, double max_bytes, bool ref);

  // Ends a linger now: false where it has ended already.
  bool End(uint64_t id, Outcome outcome);

  // A duplicate whose only purpose is to outlive the caller's descriptor: for sockets with SO_LINGER > 0, whose close()
  // would block the end of a Worker. Node closes its handles before any hook of ours runs; while a duplicate is open,
  // that close is not the last and does not wait.
  int Hold(int fd);
  bool Release(int fd);

  // Empties every receive queue once, so that the kernel finds nothing unread when the process goes, and no reason of
  // ours to send RST or to wait.
  void Drain();

 private:
  struct Wakeup {
    uint64_t at, id;
    bool operator>(const Wakeup& other) const { return at > other.at; }
  };

  struct Report {
    uint64_t id, discarded;
    Outcome outcome;
    int error, unacked, delivered;
  };

  LingerLoop(napi_env env, uv_loop_t* loop);
  ~LingerLoop();
  int Init();

  bool IsOwned(int fd);

  void HandleEvents();
  void HandleEvent(const epoll_event& event);
  void RemoveAllMarks();
  void ChooseMode(int events, bool more, uint64_t bytes);
  void SetGate(bool open);
  void Watch(const LingeringSocket& socket);
  Queue Advance(LingeringSocket& socket, size_t budget, bool to_the_end);

  void CheckDeadlines();
  void CheckDeadline(LingeringSocket& socket);
  void Schedule(LingeringSocket& socket, uint64_t at);
  void ArmTimer();

  void FinishByError(LingeringSocket& socket, int error);
  void Finish(LingeringSocket& socket, Outcome outcome, int error, int unacked);
  void Deliver(bool from_loop);

  static void OnTeardown(napi_async_cleanup_hook_handle, void* data);
  static void OnClosed(uv_handle_t* handle);

  napi_env env_;
  uv_loop_t* loop_;
  int epoll_ = -1;
  int gate_ = -1;
  uv_poll_t* poll_;
  uv_timer_t* timer_;
  uv_timer_t* busy_;
  Napi::FunctionReference callback_;
  napi_async_context async_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  int closed_ = 0;
  uint64_t next_id_ = 0;
  uint64_t armed_ = 0;
  uint64_t woken_ = 0;
  uint64_t discarded_ = 0;
  size_t refs_ = 0;
  LowWaterMarks marks_;
  std::unordered_map<uint64_t, LingeringSocket> sockets_;
  std::vector<Wakeup> wakeups_;  // a heap, the earliest in front
  std::vector<Report> reports_;
  // Those of this turn whose queue was not empty behind kBytesPerTurn.
  std::vector<uint64_t> unread_;
  std::set<int> held_;
  const std::unique_ptr<char[]> scratch_{new char[kBytesPerTurn]};
};

}  // namespace lingering_close
