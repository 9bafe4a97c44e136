// The discard loop of a lingering close. FIN has been sent, or is sent here. From then on, whatever the peer still
// sends is discarded, so that close() finds an empty receive queue and the kernel has no reason to send RST (tcp_close
// in net/ipv4/tcp.c).
//
// There is one LingerLoop for each environment. It owns the descriptors of all lingering connections, the poller that
// watches them, their deadlines and their low-water marks. Linux only.
#pragma once

#include <memory>
#include <new>
#include <vector>

#include <napi.h>
#include <uv.h>

#include "deadlines.h"
#include "lingering_socket.h"
#include "low_water_marks.h"
#include "poller.h"

namespace lingering_close {

// The limits of one linger as JavaScript gives them: milliseconds, bytes a second, bytes.
struct Limits {
  Until until;
  double idle, timeout, min_rate, max_bytes;
  Ref ref;
};

class LingerLoop {
 public:
  // The loop of this environment, or nullptr before Open.
  static LingerLoop* Get(napi_env env);
  // 0, or -errno.
  static int Open(Napi::Env env, Napi::Function callback);

  // Whether we may take over a raw descriptor: 0 for yes, 1 if it listens, 2 if this thread's event loop has it; or
  // -errno.
  int CheckTakeover(int fd);

  // An id, or -errno. With `take` the descriptor itself is ours from now on. Otherwise the loop uses a duplicate, and
  // the caller can close its own descriptor at once. -ENOTCONN: the peer has reset the connection, and the error was
  // taken off the socket before; there is nothing to linger for. With an errno, the descriptor stays the caller's.
  // `accepted`: the connection certainly comes from a listening socket.
  int64_t Start(int fd, bool take, bool accepted, const Limits& limits);

  // Ends a linger now. False where it has ended already.
  bool End(uint64_t id, Outcome outcome);

  // The number of a duplicate that outlives the caller's descriptor, or -errno. For sockets with SO_LINGER > 0, whose
  // close() would block the end of a Worker: Node closes its handles before any hook of ours runs. While the duplicate
  // is open, that close() is not the last one and does not wait.
  int Hold(int fd);
  bool Release(int fd);

  // Empties every receive queue once, for the end of the process: the kernel then finds nothing unread, and has no
  // reason to send RST or to wait.
  // Nothing else keeps the event loop alive: those with Ref::kBriefly do from now on, while less than `idle`
  // milliseconds pass without progress.
  void KeepBriefly(double idle);
  void Drain();

 private:
  struct Report {
    uint64_t id, discarded;
    Outcome outcome;
    int error, unacked, delivered;
  };

  LingerLoop(napi_env env, uv_loop_t* loop) : env_(env), loop_(loop) {}
  int Init();

  bool IsOwned(int fd);

  void HandleEvents();
  void HandleEvent(const Event& event);
  Queue Advance(LingeringSocket& socket, size_t budget, bool to_the_end);

  void CheckDeadlines();
  void CheckDeadline(LingeringSocket& socket);
  static bool EarnedMore(LingeringSocket& socket, uint64_t now);

  void FinishByError(LingeringSocket& socket, int error);
  void Finish(LingeringSocket& socket, Outcome outcome, int error, int unacked);
  void Deliver(bool from_loop);

  static void OnTeardown(napi_async_cleanup_hook_handle, void* data);
  static void OnClosed(uv_handle_t* handle);

  napi_env env_;
  uv_loop_t* loop_;
  Napi::FunctionReference callback_;
  napi_async_context async_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  int closed_ = 0;  // handles of libuv
  uint64_t next_id_ = 0;
  uint64_t discarded_ = 0;
  size_t refs_ = 0;  // connections that keep the event loop alive
  LingeringSockets sockets_;
  Poller poller_;
  Deadlines deadlines_{sockets_};
  LowWaterMarks marks_;
  std::vector<Report> reports_;
  // Connections of this wake-up that still had bytes after kBytesPerTurn.
  std::vector<uint64_t> unread_;
  std::vector<int> held_;
  const std::unique_ptr<char[]> scratch_{new (std::nothrow) char[kBytesPerTurn]};
};

}  // namespace lingering_close
