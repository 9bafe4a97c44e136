// The discard loop of a lingering close. FIN has been sent, or is sent here; from then on whatever the peer still sends is thrown away, so
// that close() finds an empty receive queue and the kernel has no reason to send RST (tcp_close in net/ipv4/tcp.c).
//
// One LingerLoop an environment: a private epoll instance, itself watched by one uv_poll_t, and one uv_timer_t over all deadlines. It owns every
// descriptor in it. Linux only.
#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <uv.h>

#include "arguments.h"
#include "exports.h"
#include "platform.h"

namespace lingering_close {
namespace {

// Both as in src/native.ts.
enum class Until { kEof = 0, kDelivered = 1, kDrained = 2 };
enum class Outcome { kEof, kDelivered, kDrained, kReset, kPeerReset, kIdle, kTimeout, kMaxBytes, kEvicted, kAborted, kClosed, kError };

constexpr uint64_t kNever = UINT64_MAX;
constexpr uint64_t kMillisecond = 1'000'000;

// What one wake-up of the loop may cost: so many sockets, and so many bytes from each. Who has more comes round again in the next
// iteration of the event loop, behind everybody else.
constexpr int kEventsPerWakeup = 64;
constexpr size_t kBytesPerTurn = 2 << 20;

// The receive low-water mark, raised in steps for a peer that has sent so much: the kernel then wakes us once a mark, not once a segment. It also
// enlarges the receive buffer to twice itself, and lets a peer park a byte less than the mark, hence the budget on their sum and the slow tick below.
// docs/benchmarks.md has the measurements by which the figures were chosen.
struct Step {
  uint64_t sent;
  int mark;
};
constexpr Step kSteps[] = {{4 << 20, 1 << 20}, {1 << 20, 256 << 10}};
constexpr int64_t kMarkBudget = 64 << 20;

// PRI, for urgent data makes a read end early.
constexpr uint32_t kEvents = EPOLLET | EPOLLIN | EPOLLRDHUP | EPOLLPRI;
// Its edge comes when the peer acknowledges our FIN. Only for those that wait for no more bytes, since it is told to everybody at once.
constexpr uint32_t kAcknowledged = EPOLLOUT;

struct Linger {
  uint64_t id;
  uint64_t deadline;  // total time, nanoseconds of uv_hrtime
  uint64_t idle;      // nanoseconds
  uint64_t progress;  // when a byte was last received or acknowledged
  uint64_t max_bytes;
  uint64_t discarded;
  uint64_t bulk_from;  // `discarded` when the mark was last low
  uint64_t looked_at;  // `discarded` when the deadlines were last looked at
  uint64_t wakeup;     // when its deadlines are looked at next; kNever for never
  int fd;
  int unacked;  // as last read, 0 where the socket cannot tell; -1 before
  int mark;     // 0 while the low-water mark is the socket's own
  bool tcp, local, fin_sent, eof, ref;
  Until until;

  uint32_t Events() const { return eof || until != Until::kEof ? kEvents | kAcknowledged : kEvents; }
};

struct Wakeup {
  uint64_t at, id;
  bool operator>(const Wakeup& other) const { return at > other.at; }
};

struct Report {
  uint64_t id, discarded;
  Outcome outcome;
  int error, unacked, delivered;
};

void SetSocketOption(int fd, int option, int value) {
  Call([&] { return setsockopt(fd, SOL_SOCKET, option, &value, sizeof value); });
}

void SetLingerOption(int fd, bool on) {
  // With {on, 0} close() sends RST; with {on, n} it would block the event loop; off is a plain close.
  const struct linger value = {on, 0};
  Call([&] { return setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value); });
}

int Duplicate(int fd) {
  return Call([&] { return fcntl(fd, F_DUPFD_CLOEXEC, 0); });
}

bool IsConnectionReset(int error) { return error == ECONNRESET || error == EPIPE || error == ECONNABORTED; }

uint64_t Saturating(uint64_t a, uint64_t b) { return a > kNever - b ? kNever : a + b; }

// Milliseconds or bytes from JavaScript, where Infinity is "no limit".
uint64_t Limit(double value, uint64_t unit) {
  return value * static_cast<double>(unit) < 9e18 ? static_cast<uint64_t>(value * static_cast<double>(unit)) : kNever;
}

class LingerLoop {
 public:
  static LingerLoop* Get(napi_env env) {
    void* self = nullptr;
    napi_get_instance_data(env, &self);
    return static_cast<LingerLoop*>(self);
  }

  static int Open(Napi::Env env, Napi::Function callback) {
    // uv.h lies outside Node-API's promise; the calls used here have kept their form in all of libuv 1.
    if (uv_version() >> 16 != 1) return -ENOSYS;
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return -ENOSYS;
    const int epoll = Call([] { return epoll_create1(EPOLL_CLOEXEC); });
    if (epoll < 0) return epoll;
    auto* self = new LingerLoop(env, loop, epoll);
    const bool allocated = self->poll_ && self->timer_;
    if (const int result = allocated ? uv_poll_init(loop, self->poll_, epoll) : -ENOMEM; result < 0) {
      Close(epoll);
      delete self;
      return result;
    }
    uv_timer_init(loop, self->timer_);
    self->poll_->data = self->timer_->data = self;
    uv_poll_start(self->poll_, UV_READABLE, OnReadable);
    uv_unref(self->Handle(self->poll_));
    uv_unref(self->Handle(self->timer_));
    self->callback_ = Napi::Persistent(callback);
    napi_async_init(env, nullptr, Napi::String::New(env, "LINGERINGCLOSE"), &self->async_);
    napi_add_async_cleanup_hook(env, OnTeardown, self, &self->cleanup_);
    // Without a finalizer: instance data goes before the handles are closed, and the last close callback is what deletes.
    napi_set_instance_data(env, self, nullptr, nullptr);
    return 0;
  }

  // Whether a raw descriptor may be taken over: 0, or 1 if it listens, 2 if this thread's event loop has it.
  int CheckTakeover(int fd) {
    int type = 0;
    int listening = 0;
    if (const int result = SocketOption(fd, SO_TYPE, &type); result < 0) return result;
    if (type != SOCK_STREAM) return -EPROTOTYPE;
    if (SocketOption(fd, SO_ACCEPTCONN, &listening) == 0 && listening) return 1;
    const bool lingers = std::any_of(lingers_.begin(), lingers_.end(), [&](const auto& entry) { return entry.second.fd == fd; });
    return lingers || IsOwned(fd) ? 2 : 0;
  }

  // With `take` the descriptor itself is ours from now on; otherwise a duplicate, so that the caller can close its own at once.
  int64_t Start(int fd, bool take, Until until, double idle, double timeout, double max_bytes, bool ref) {
    int type = SOCK_STREAM;
    int domain = AF_INET;
    int protocol = 0;
    if (const int result = SocketOption(fd, SO_PROTOCOL, &protocol); result < 0) return result;
    // Nothing else is asked of TCP, which is a stream by definition. Netlink has a protocol of this number too.
    if (protocol != IPPROTO_TCP) {
      SocketOption(fd, SO_TYPE, &type);
      SocketOption(fd, SO_DOMAIN, &domain);
    }
    if (type != SOCK_STREAM) return -EPROTOTYPE;
    const int own = take ? fd : Duplicate(fd);
    if (own < 0) return own;

    const uint64_t id = next_id_++;
    epoll_event event = {};
    event.events = until == Until::kEof ? kEvents : kEvents | kAcknowledged;
    event.data.u64 = id;
    if (const int result = Call([&] { return epoll_ctl(epoll_, EPOLL_CTL_ADD, own, &event); }); result < 0) {
      if (!take) Close(own);
      return result;
    }
    const uint64_t now = uv_hrtime();
    Linger& linger = lingers_[id];
    linger.id = id;
    linger.fd = own;
    linger.until = until;
    linger.idle = Limit(idle, kMillisecond);
    linger.deadline = Saturating(now, Limit(timeout, kMillisecond));
    linger.max_bytes = Limit(max_bytes, 1);
    linger.progress = now;
    linger.unacked = -1;
    linger.ref = ref;
    linger.tcp = protocol == IPPROTO_TCP;
    linger.local = domain == AF_UNIX;
    // ENOTCONN: the connection is over already. Repeated behind libuv's own, it does nothing.
    linger.fin_sent = Call([&] { return shutdown(own, SHUT_WR); }) == 0;
    Schedule(linger, NextLook(linger, now));
    if (ref && refs_++ == 0) uv_ref(Handle(poll_));
    return static_cast<int64_t>(id);
  }

  // Ends a linger now: false where it has ended already.
  bool End(uint64_t id, Outcome outcome) {
    const auto found = lingers_.find(id);
    if (found == lingers_.end()) return false;
    Finish(found->second, outcome, 0, UnackedBytes(found->second));
    Deliver(false);
    return true;
  }

  // A duplicate whose only purpose is to outlive the caller's descriptor: for sockets with SO_LINGER > 0, whose close() would block the end of a
  // Worker. Node closes its handles before any hook of ours runs; while a duplicate is open, that close is not the last and does not wait.
  int Hold(int fd) {
    const int own = Duplicate(fd);
    if (own >= 0) held_.insert(own);
    return own;
  }

  bool Release(int fd) {
    if (held_.erase(fd) == 0) return false;
    SetLingerOption(fd, false);
    Close(fd);
    return true;
  }

  // Empties every receive queue once, so that the kernel finds nothing unread when the process goes, and no reason of ours to send RST or to wait.
  void Drain() {
    for (auto& [id, linger] : lingers_) {
      int error = 0;
      if (!linger.eof) Discard(linger, WholeQueue(linger), true, &error);
      SetLingerOption(linger.fd, false);
    }
  }

 private:
  enum class Queue { kEmpty, kEof, kMore, kLimit, kError };

  LingerLoop(napi_env env, uv_loop_t* loop, int epoll)
      : env_(env), loop_(loop), epoll_(epoll), poll_(NewHandle<uv_poll_t>(UV_POLL)), timer_(NewHandle<uv_timer_t>(UV_TIMER)) {}

  ~LingerLoop() {
    free(poll_);
    free(timer_);
  }

  // By uv_handle_size, for the host's libuv may have larger handles than the headers that this was built with.
  template <class T>
  static T* NewHandle(uv_handle_type type) {
    return static_cast<T*>(calloc(1, std::max(uv_handle_size(type), sizeof(T))));
  }

  template <class T>
  static uv_handle_t* Handle(T* handle) {
    return reinterpret_cast<uv_handle_t*>(handle);
  }

  // Whether a handle of this thread's event loop has the descriptor, for then it belongs to a Socket, be it a paused one.
  bool IsOwned(int fd) {
    struct Search {
      int fd;
      bool found;
    } search = {fd, false};
    uv_walk(
        loop_,
        [](uv_handle_t* handle, void* data) {
          auto* search = static_cast<Search*>(data);
          uv_os_fd_t own = -1;
          if (uv_fileno(handle, &own) == 0 && own == search->fd) search->found = true;
        },
        &search);
    return search.found;
  }

  static void OnReadable(uv_poll_t* handle, int, int) { static_cast<LingerLoop*>(handle->data)->HandleEvents(); }
  static void OnTimer(uv_timer_t* handle) { static_cast<LingerLoop*>(handle->data)->CheckDeadlines(); }

  void HandleEvents() {
    epoll_event events[kEventsPerWakeup];
    const int count = Call([&] { return epoll_wait(epoll_, events, kEventsPerWakeup, 0); });
    for (int i = 0; i < count; i++) {
      const auto found = lingers_.find(events[i].data.u64);
      if (found == lingers_.end()) continue;
      Linger& linger = found->second;
      const bool to_the_end = events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI);
      if (Advance(linger, kBytesPerTurn, to_the_end) != Queue::kMore) continue;
      // An edge is told once: it comes again in the next iteration.
      Watch(linger);
    }
    Deliver(true);
  }

  void CheckDeadlines() {
    for (int i = 0; i < kEventsPerWakeup && !wakeups_.empty() && wakeups_.front().at <= uv_hrtime(); i++) {
      const Wakeup wakeup = wakeups_.front();
      std::pop_heap(wakeups_.begin(), wakeups_.end(), std::greater<>());
      wakeups_.pop_back();
      const auto found = lingers_.find(wakeup.id);
      // Entries are not taken out of the heap when their linger ends, or is scheduled anew: they are passed over here.
      if (found != lingers_.end() && found->second.wakeup == wakeup.at) CheckDeadline(found->second);
    }
    ArmTimer();
    Deliver(true);
  }

  void CheckDeadline(Linger& linger) {
    const uint64_t before = linger.looked_at;
    const uint64_t id = linger.id;
    // The queue decides, not the clock: a blocked event loop must not turn an EOF that is waiting in the queue into a time-out.
    Advance(linger, WholeQueue(linger), true);
    if (lingers_.find(id) == lingers_.end()) return;

    const uint64_t now = uv_hrtime();
    const int unacked = UnackedBytes(linger);
    if (std::max(unacked, 0) < linger.unacked) linger.progress = now;
    linger.unacked = std::max(unacked, 0);
    if (now >= linger.deadline) return Finish(linger, Outcome::kTimeout, 0, unacked);
    if (now >= Saturating(linger.progress, linger.idle)) return Finish(linger, Outcome::kIdle, 0, unacked);
    linger.looked_at = linger.discarded;
    // A mark hides a slow sender from epoll: one that needs more than a tick to fill it gets its edges back.
    if (linger.mark > 0 && linger.discarded - before < static_cast<uint64_t>(linger.mark)) LowerMark(linger);

    Schedule(linger, NextLook(linger, now));
  }

  // By a tick while epoll cannot tell of all progress: bytes below the mark, and an acknowledgement that is not the last, which counts for the
  // idle time only. Nobody has looked at the acknowledgements yet while `unacked` is -1.
  static uint64_t NextLook(const Linger& linger, uint64_t now) {
    const uint64_t limit = std::min(linger.deadline, Saturating(linger.progress, linger.idle));
    const bool blind = linger.mark > 0 || (linger.idle != kNever && linger.unacked != 0);
    const uint64_t tick = std::clamp(linger.idle / 4, 10 * kMillisecond, 1'000 * kMillisecond);
    return blind ? std::min(limit, now + tick) : limit;
  }

  // Modifying the entry makes epoll look again, and tell what it finds as an edge.
  void Watch(const Linger& linger) {
    epoll_event event = {};
    event.events = linger.Events();
    event.data.u64 = linger.id;
    Call([&] { return epoll_ctl(epoll_, EPOLL_CTL_MOD, linger.fd, &event); });
  }

  // Reads what there is and finishes the linger if that was its end. After kMore it is still there; after anything else it may not be.
  Queue Advance(Linger& linger, size_t budget, bool to_the_end) {
    int error = 0;
    const bool was_eof = linger.eof;
    Queue queue = Queue::kEof;
    if (!was_eof) {
      queue = Discard(linger, budget, to_the_end, &error);
      if (queue == Queue::kMore) return queue;
      if (queue == Queue::kLimit) Finish(linger, Outcome::kMaxBytes, 0, UnackedBytes(linger));
      if (queue == Queue::kError) FinishByError(linger, error);
      if (queue == Queue::kLimit || queue == Queue::kError) return queue;
      linger.eof = queue == Queue::kEof;
    }
    // Behind an EOF the kernel goes on to answer EOF, also when RST has followed: only SO_ERROR has it.
    if (linger.eof && SocketOption(linger.fd, SO_ERROR, &error) == 0 && error != 0) {
      FinishByError(linger, error);
      return queue;
    }
    if (!linger.eof && linger.until == Until::kEof) return queue;
    const int unacked = UnackedBytes(linger);
    if (linger.until == Until::kDrained) {
      Finish(linger, Outcome::kDrained, 0, unacked);
    } else if (unacked <= 0) {
      Finish(linger, linger.until == Until::kDelivered ? Outcome::kDelivered : Outcome::kEof, 0, unacked);
    } else if (linger.eof && !was_eof) {
      Watch(linger);
    }
    return queue;
  }

  Queue Discard(Linger& linger, size_t budget, bool to_the_end, int* error) {
    for (;;) {
      const uint64_t left = linger.max_bytes - linger.discarded;
      const size_t want = std::min<uint64_t>({left, budget, kBytesPerTurn});
      const ssize_t got = left == 0 ? Peek(linger) : Receive(linger, want);
      if (got == 0) return Queue::kEof;
      if (got == -EAGAIN) return Queue::kEmpty;
      if (got < 0) {
        *error = static_cast<int>(-got);
        return Queue::kError;
      }
      if (left == 0) return Queue::kLimit;
      linger.discarded += got;
      linger.progress = uv_hrtime();
      budget -= got;
      if (linger.tcp) RaiseMark(linger);
      if (budget == 0) return Queue::kMore;
      // A TCP queue that gave less than was asked for is empty, unless an event said that more than data is waiting: EOF, an error, urgent data.
      if (linger.tcp && static_cast<size_t>(got) < want && !to_the_end) return Queue::kEmpty;
    }
  }

  // A budget for what is in the queue now and the EOF behind it, but not for what a fast sender adds meanwhile.
  static size_t WholeQueue(const Linger& linger) {
    int bytes = 0;
    Call([&] { return ioctl(linger.fd, FIONREAD, &bytes); });
    return static_cast<size_t>(bytes) + 1;
  }

  // MSG_TRUNC makes TCP free the bytes without copying them (tcp(7)), so the buffer is never touched; elsewhere it is needed, and the flag is not.
  ssize_t Receive(const Linger& linger, size_t want) {
    return Call([&] { return recv(linger.fd, scratch_.get(), want, MSG_DONTWAIT | (linger.tcp ? MSG_TRUNC : 0)); });
  }

  // With max_bytes used up, the next byte is the one too many; an EOF still counts.
  ssize_t Peek(const Linger& linger) {
    char byte;
    return Call([&] { return recv(linger.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT); });
  }

  int UnackedBytes(const Linger& linger) {
    int bytes = 0;
    return platform::UnackedBytes(linger.fd, &bytes) < 0 ? -1 : bytes;
  }

  // To the highest step that it has earned and that the budget has room for. The kernel may cap it by the receive buffer (tcp_set_rcvlowat): then it
  // is counted for more than it is.
  void RaiseMark(Linger& linger) {
    for (const Step& step : kSteps) {
      if (linger.mark >= step.mark) return;
      if (linger.discarded - linger.bulk_from < step.sent || marks_ - linger.mark + step.mark > kMarkBudget) continue;
      SetSocketOption(linger.fd, SO_RCVLOWAT, step.mark);
      marks_ += step.mark - linger.mark;
      linger.mark = step.mark;
      linger.looked_at = linger.discarded;
      return Schedule(linger, NextLook(linger, uv_hrtime()));
    }
  }

  void LowerMark(Linger& linger) {
    SetSocketOption(linger.fd, SO_RCVLOWAT, 1);
    marks_ -= linger.mark;
    linger.mark = 0;
    linger.bulk_from = linger.discarded;
  }

  void FinishByError(Linger& linger, int error) {
    const Outcome outcome = IsConnectionReset(error) ? Outcome::kPeerReset : error == ENOTCONN ? Outcome::kClosed : Outcome::kError;
    Finish(linger, outcome, error, UnackedBytes(linger));
  }

  void Finish(Linger& linger, Outcome outcome, int error, int unacked) {
    // What the peer's TCP has acknowledged stays delivered though RST follows; a UNIX socket's buffer is as empty when the peer threw it away unread.
    const bool thrown_away = linger.local && outcome == Outcome::kPeerReset;
    // Nothing is unacknowledged either when RST came before the FIN, and the shutdown of a connection that is over already does not tell which.
    const bool fin_known = linger.fin_sent || (linger.eof && error == 0);
    const int delivered = unacked > 0 || thrown_away ? 0 : unacked == 0 && fin_known ? 1 : -1;
    reports_.push_back({linger.id, linger.discarded, outcome, error, unacked, delivered});
    marks_ -= linger.mark;
    if (linger.ref && --refs_ == 0) uv_unref(Handle(poll_));
    // Behind EOF and an acknowledged FIN there is nothing left that SO_LINGER could say.
    if (outcome != Outcome::kEof || unacked != 0) SetLingerOption(linger.fd, outcome == Outcome::kReset || outcome == Outcome::kAborted);
    // While another process or thread has a duplicate, close() leaves the entry in: it would go on to wake us, and refuse the next such duplicate.
    Call([&] { return epoll_ctl(epoll_, EPOLL_CTL_DEL, linger.fd, nullptr); });
    Close(linger.fd);
    lingers_.erase(linger.id);
    if (!lingers_.empty()) return;
    uv_timer_stop(timer_);
    wakeups_.clear();
  }

  void Schedule(Linger& linger, uint64_t at) {
    linger.wakeup = at;
    if (at == kNever) return;
    // Mostly entries that are passed over: built anew, which costs each of them but once.
    if (wakeups_.size() > 2 * lingers_.size() + 1'024) {
      wakeups_.clear();
      for (const auto& [id, other] : lingers_) {
        if (other.wakeup != kNever && id != linger.id) wakeups_.push_back({other.wakeup, id});
      }
      std::make_heap(wakeups_.begin(), wakeups_.end(), std::greater<>());
    }
    wakeups_.push_back({at, linger.id});
    std::push_heap(wakeups_.begin(), wakeups_.end(), std::greater<>());
    ArmTimer();
  }

  // Only ever brought forward: a timer that fires too early looks, and arms itself anew. Never by 0 ms: libuv may run such a one in the same turn,
  // and the cap on a wake-up would be none.
  void ArmTimer() {
    if (wakeups_.empty()) return;
    const uint64_t at = wakeups_.front().at;
    if (uv_is_active(Handle(timer_)) && armed_ <= at) return;
    const uint64_t now = uv_hrtime();
    armed_ = at;
    uv_timer_start(timer_, OnTimer, at > now ? (at - now) / kMillisecond + 1 : 1, 0);
  }

  // One call into JavaScript for everything that ended in this wake-up. A callback may end other lingers: `reports_` is its own again by then.
  void Deliver(bool from_loop) {
    if (reports_.empty()) return;
    std::vector<Report> reports;
    reports.swap(reports_);
    Napi::HandleScope scope(env_);
    std::vector<napi_value> figures;
    figures.reserve(reports.size() * 6);
    for (const Report& report : reports) {
      for (const double figure :
           {static_cast<double>(report.id), static_cast<double>(report.outcome), static_cast<double>(report.error),
            static_cast<double>(report.delivered), static_cast<double>(report.discarded), static_cast<double>(report.unacked)}) {
        figures.push_back(Napi::Number::New(env_, figure));
      }
    }
    napi_value receiver = nullptr;
    napi_get_undefined(env_, &receiver);
    if (!from_loop) {
      napi_call_function(env_, receiver, callback_.Value(), figures.size(), figures.data(), nullptr);
      return;
    }
    napi_value global = nullptr;
    napi_get_global(env_, &global);
    napi_make_callback(env_, async_, global, callback_.Value(), figures.size(), figures.data(), nullptr);
    // A Worker that is being terminated fails the call without an exception: then there is nobody to tell.
    bool thrown = false;
    napi_value error = nullptr;
    if (napi_is_exception_pending(env_, &thrown) == napi_ok && thrown && napi_get_and_clear_last_exception(env_, &error) == napi_ok) {
      napi_fatal_exception(env_, error);
    }
  }

  // The environment ends: Worker.terminate(), or the last of natural work. JavaScript is not called any more.
  static void OnTeardown(napi_async_cleanup_hook_handle, void* data) {
    auto* self = static_cast<LingerLoop*>(data);
    self->Drain();
    for (auto& [id, linger] : self->lingers_) Close(linger.fd);
    while (!self->held_.empty()) self->Release(*self->held_.begin());
    self->lingers_.clear();
    self->callback_.Reset();
    napi_async_destroy(self->env_, self->async_);
    uv_close(self->Handle(self->poll_), OnClosed);
    uv_close(self->Handle(self->timer_), OnClosed);
    Close(self->epoll_);
  }

  static void OnClosed(uv_handle_t* handle) {
    auto* self = static_cast<LingerLoop*>(handle->data);
    if (++self->closed_ < 2) return;
    napi_remove_async_cleanup_hook(self->cleanup_);
    delete self;
  }

  napi_env env_;
  uv_loop_t* loop_;
  int epoll_;
  uv_poll_t* poll_;
  uv_timer_t* timer_;
  Napi::FunctionReference callback_;
  napi_async_context async_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  int closed_ = 0;
  uint64_t next_id_ = 0;
  uint64_t armed_ = 0;
  int64_t marks_ = 0;
  size_t refs_ = 0;
  std::unordered_map<uint64_t, Linger> lingers_;
  std::vector<Wakeup> wakeups_;  // a heap, the earliest in front
  std::vector<Report> reports_;
  std::set<int> held_;
  const std::unique_ptr<char[]> scratch_{new char[kBytesPerTurn]};
};

}  // namespace

// openLingerLoop(callback): 0 or -errno; callback(...[id, outcome, errno, delivered, discarded, unacked]) for the lingers that have ended.
Napi::Value OpenLingerLoop(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) {
    Napi::TypeError::New(info.Env(), "openLingerLoop wants a function").ThrowAsJavaScriptException();
    return {};
  }
  const int result = LingerLoop::Get(info.Env()) ? -EALREADY : LingerLoop::Open(info.Env(), info[0].As<Napi::Function>());
  return Result(info, result);
}

// checkTakeover(fd): 0, 1 for a listening socket, 2 for one that this thread's event loop has; or -errno (EBADF, ENOTSOCK, EPROTOTYPE).
Napi::Value CheckTakeover(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  return Result(info, loop ? loop->CheckTakeover(Descriptor(numbers[0])) : -ENOSYS);
}

// isOver(fd): 1 where the peer has closed its side, all that it sent is read, and all that it was sent, FIN included, is acknowledged; else 0.
Napi::Value IsOver(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  const int fd = Descriptor(numbers[0]);
  char byte;
  int unacked = 0;
  // poll first: recv would take an error off the socket, and the linger that then begins could not tell a RST from an EOF any more.
  pollfd state = {fd, POLLRDHUP, 0};
  const bool over = Call([&] { return poll(&state, 1, 0); }) == 1 && (state.revents & (POLLRDHUP | POLLERR)) == POLLRDHUP &&
                    Call([&] { return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT); }) == 0 && platform::UnackedBytes(fd, &unacked) == 0 &&
                    unacked == 0;
  return Result(info, over);
}

// startLinger(fd, take, until, idleTimeout, timeout, maxBytes, ref): an id >= 0, or -errno.
Napi::Value StartLinger(const Napi::CallbackInfo& info) {
  const Numbers<7> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  if (!loop) return Result(info, -ENOSYS);
  const double until = numbers[2];
  const double idle = numbers[3];
  const double timeout = numbers[4];
  const double max_bytes = numbers[5];
  // Written so that NaN fails too.
  if (!(until >= 0 && until <= 2 && idle >= 0 && timeout >= 0 && max_bytes >= 0)) return Result(info, -EINVAL);
  const auto result =
      loop->Start(Descriptor(numbers[0]), numbers[1] != 0, static_cast<Until>(static_cast<int>(until)), idle, timeout, max_bytes, numbers[6] != 0);
  return Result(info, static_cast<double>(result));
}

// endLinger(id, outcome): 1, or 0 where there is no such linger. By RST for the outcomes `reset` and `aborted`.
Napi::Value EndLinger(const Napi::CallbackInfo& info) {
  const Numbers<2> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  const double id = numbers[0];
  const double outcome = numbers[1];
  if (!loop || !(id >= 0 && id < 9e15) || !(outcome >= 0 && outcome <= static_cast<int>(Outcome::kError))) return Result(info, 0);
  return Result(info, loop->End(static_cast<uint64_t>(id), static_cast<Outcome>(static_cast<int>(outcome))));
}

// holdDescriptor(fd): the duplicate's number, or -errno.
Napi::Value HoldDescriptor(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  return Result(info, loop ? loop->Hold(Descriptor(numbers[0])) : -ENOSYS);
}

// releaseDescriptor(duplicate): 1, or 0 where it is not held.
Napi::Value ReleaseDescriptor(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  auto* loop = LingerLoop::Get(info.Env());
  return Result(info, loop && loop->Release(Descriptor(numbers[0])));
}

Napi::Value DrainLingers(const Napi::CallbackInfo& info) {
  if (auto* loop = LingerLoop::Get(info.Env())) loop->Drain();
  return info.Env().Undefined();
}

}  // namespace lingering_close
