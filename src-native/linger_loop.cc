#include "linger_loop.h"

#include <algorithm>
#include <functional>

#include <netinet/in.h>
#include <sys/epoll.h>

#include "syscall.h"

namespace lingering_close {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;

// So many connections a wake-up of the loop, and kBytesPerTurn from each; no more once it has taken so long, looked at
// after each few.
constexpr int kEventsPerWakeup = 64;
constexpr int kFewEvents = 8;
constexpr uint64_t kTimePerWakeup = kMillisecond / 2;
// How long there are no low-water marks once the kernel has been short of memory.
constexpr uint64_t kWithoutMarks = 1'000 * kMillisecond;
// The busy mode is for where so many connections linger for each that has an event: then others are bound to follow.
constexpr size_t kCompany = 8;
// So many bytes an event, as only the largest mark brings, are worth a turn of the event loop: read in a row, they are
// more packets than the kernel hands back to the processor that has allocated them (skb_attempt_defer_free), and the
// reader frees the rest.
constexpr uint64_t kLargeEvent = 1536 << 10;

// PRI, for urgent data makes a read end early.
constexpr uint32_t kEvents = EPOLLET | EPOLLIN | EPOLLRDHUP | EPOLLPRI;
// Its edge comes when the peer acknowledges our FIN. Only for those that wait for no more bytes, since it is told to
// everybody at once.
constexpr uint32_t kAcknowledged = EPOLLOUT;

uint32_t EventsFor(Until until, bool eof) { return eof || until != Until::kEof ? kEvents | kAcknowledged : kEvents; }

bool IsConnectionReset(int error) { return error == ECONNRESET || error == EPIPE || error == ECONNABORTED; }

uint64_t Saturating(uint64_t a, uint64_t b) { return a > kNever - b ? kNever : a + b; }

// Milliseconds or bytes from JavaScript, where Infinity is "no limit".
uint64_t Limit(double value, uint64_t unit) {
  return value * static_cast<double>(unit) < 9e18 ? static_cast<uint64_t>(value * static_cast<double>(unit)) : kNever;
}

// By a tick for those that send in bulk, whose marks hide slow senders from epoll, and while an acknowledgement that is
// not the last counts for the idle time, of which epoll does not tell. Nobody has looked at the acknowledgements yet
// while `unacked` is -1.
uint64_t NextLook(const LingeringSocket& socket, uint64_t now) {
  const uint64_t limit = std::min(socket.deadline, Saturating(socket.progress, socket.idle));
  const bool ticks = socket.bulk || (socket.idle != kNever && socket.unacked != 0);
  const uint64_t tick = std::clamp(socket.idle / 4, 10 * kMillisecond, 1'000 * kMillisecond);
  return ticks ? std::min(limit, now + tick) : limit;
}

// By uv_handle_size, for the host's libuv may have larger handles than the headers that this was built with.
template <class T>
T* NewHandle(uv_handle_type type) {
  return static_cast<T*>(calloc(1, std::max(uv_handle_size(type), sizeof(T))));
}

template <class T>
uv_handle_t* Handle(T* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

}  // namespace

LingerLoop* LingerLoop::Get(napi_env env) {
  void* self = nullptr;
  napi_get_instance_data(env, &self);
  return static_cast<LingerLoop*>(self);
}

int LingerLoop::Open(Napi::Env env, Napi::Function callback) {
  // uv.h lies outside Node-API's promise; the calls used here have kept their form in all of libuv 1.
  if (uv_version() >> 16 != 1) return -ENOSYS;
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return -ENOSYS;
  auto* self = new LingerLoop(env, loop);
  if (const int result = self->Init(); result < 0) {
    delete self;
    return result;
  }
  self->callback_ = Napi::Persistent(callback);
  napi_async_init(env, nullptr, Napi::String::New(env, "LINGERINGCLOSE"), &self->async_);
  napi_add_async_cleanup_hook(env, OnTeardown, self, &self->cleanup_);
  // Without a finalizer: instance data goes before the handles are closed, and the last close callback is what deletes.
  napi_set_instance_data(env, self, nullptr, nullptr);
  return 0;
}

int LingerLoop::CheckTakeover(int fd) {
  int type = 0;
  int listening = 0;
  if (const int result = SocketOption(fd, SO_TYPE, &type); result < 0) return result;
  if (type != SOCK_STREAM) return -EPROTOTYPE;
  if (SocketOption(fd, SO_ACCEPTCONN, &listening) == 0 && listening) return 1;
  const bool lingers =
      std::any_of(sockets_.begin(), sockets_.end(), [&](const auto& entry) { return entry.second.fd == fd; });
  return lingers || IsOwned(fd) ? 2 : 0;
}

int64_t LingerLoop::Start(int fd, bool take, Until until, double idle, double timeout, double max_bytes, bool ref) {
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
  event.events = EventsFor(until, false);
  event.data.u64 = id;
  if (const int result = Call([&] { return epoll_ctl(epoll_, EPOLL_CTL_ADD, own, &event); }); result < 0) {
    if (!take) Close(own);
    return result;
  }
  const uint64_t now = uv_hrtime();
  LingeringSocket& socket = sockets_[id];
  socket.id = id;
  socket.fd = own;
  socket.until = until;
  socket.idle = Limit(idle, kMillisecond);
  socket.deadline = Saturating(now, Limit(timeout, kMillisecond));
  socket.max_bytes = Limit(max_bytes, 1);
  socket.progress = now;
  socket.unacked = -1;
  socket.ref = ref;
  socket.tcp = protocol == IPPROTO_TCP;
  socket.local = domain == AF_UNIX;
  // ENOTCONN: the connection is over already. Repeated behind libuv's own, it does nothing.
  socket.fin_sent = Call([&] { return shutdown(own, SHUT_WR); }) == 0;
  Schedule(socket, NextLook(socket, now));
  if (ref && refs_++ == 0) uv_ref(Handle(poll_));
  return static_cast<int64_t>(id);
}

bool LingerLoop::End(uint64_t id, Outcome outcome) {
  auto found = sockets_.find(id);
  if (found == sockets_.end()) return false;
  if (outcome != Outcome::kReset && outcome != Outcome::kAborted) {
    // What waits in the queue would be answered by RST; and if it is an EOF, that is how this has ended.
    Advance(found->second, WholeQueue(found->second), true);
    found = sockets_.find(id);
  }
  if (found != sockets_.end()) Finish(found->second, outcome, 0, UnackedBytes(found->second));
  Deliver(false);
  return true;
}

int LingerLoop::Hold(int fd) {
  const int own = Duplicate(fd);
  if (own >= 0) held_.insert(own);
  return own;
}

bool LingerLoop::Release(int fd) {
  if (held_.erase(fd) == 0) return false;
  SetLingerOption(fd, false);
  Close(fd);
  return true;
}

void LingerLoop::Drain() {
  for (auto& [id, socket] : sockets_) {
    int error = 0;
    if (!socket.eof) Discard(socket, WholeQueue(socket), true, marks_, scratch_.get(), &error);
    SetLingerOption(socket.fd, false);
  }
}

LingerLoop::LingerLoop(napi_env env, uv_loop_t* loop)
    : env_(env),
      loop_(loop),
      poll_(NewHandle<uv_poll_t>(UV_POLL)),
      timer_(NewHandle<uv_timer_t>(UV_TIMER)),
      busy_(NewHandle<uv_timer_t>(UV_TIMER)) {}

LingerLoop::~LingerLoop() {
  for (const int fd : {epoll_, gate_}) {
    if (fd >= 0) Close(fd);
  }
  free(poll_);
  free(timer_);
  free(busy_);
}

// The handles are the event loop's once this has succeeded, and not before.
int LingerLoop::Init() {
  if (!poll_ || !timer_ || !busy_) return -ENOMEM;
  epoll_ = Call([] { return epoll_create1(EPOLL_CLOEXEC); });
  if (epoll_ < 0) return epoll_;
  gate_ = Call([] { return epoll_create1(EPOLL_CLOEXEC); });
  if (gate_ < 0) return gate_;
  epoll_event event = {};
  event.events = EPOLLIN;
  if (const int result = Call([&] { return epoll_ctl(gate_, EPOLL_CTL_ADD, epoll_, &event); }); result < 0)
    return result;
  if (const int result = uv_poll_init(loop_, poll_, gate_); result < 0) return result;
  uv_timer_init(loop_, timer_);
  uv_timer_init(loop_, busy_);
  poll_->data = timer_->data = busy_->data = this;
  uv_poll_start(poll_, UV_READABLE,
                [](uv_poll_t* handle, int, int) { static_cast<LingerLoop*>(handle->data)->HandleEvents(); });
  for (uv_handle_t* handle : {Handle(poll_), Handle(timer_), Handle(busy_)}) uv_unref(handle);
  return 0;
}

// Whether a handle of this thread's event loop has the descriptor, for then it belongs to a Socket, be it a paused one.
bool LingerLoop::IsOwned(int fd) {
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

// Open, the gate is readable while the loop's own epoll is. Closed, events gather behind it. Not by uv_poll_stop and
// uv_poll_start: to add an epoll to another makes the kernel walk all that is in it (ep_loop_check), a third of a
// millisecond for 9,000 connections.
void LingerLoop::SetGate(bool open) {
  epoll_event event = {};
  event.events = open ? uint32_t{EPOLLIN} : 0;
  Call([&] { return epoll_ctl(gate_, EPOLL_CTL_MOD, epoll_, &event); });
}

void LingerLoop::HandleEvents() {
  const uint64_t started = uv_hrtime();
  const uint64_t discarded = discarded_;
  int count = 0;
  bool more = true;
  unread_.clear();
  while (more && count < kEventsPerWakeup && uv_hrtime() - started < kTimePerWakeup) {
    epoll_event events[kFewEvents];
    const int told = Call([&] { return epoll_wait(epoll_, events, kFewEvents, 0); });
    for (int i = 0; i < told; i++) HandleEvent(events[i]);
    count += std::max(told, 0);
    more = told == kFewEvents;
  }
  // An edge is told once: behind everybody else it comes again.
  for (const uint64_t id : unread_) {
    const auto found = sockets_.find(id);
    if (found != sockets_.end()) Watch(found->second);
  }
  ChooseMode(count, more, discarded_ - discarded);
  Deliver(true);
}

void LingerLoop::HandleEvent(const epoll_event& event) {
  const auto found = sockets_.find(event.data.u64);
  if (found == sockets_.end()) return;
  LingeringSocket& socket = found->second;
  const bool to_the_end = event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI);
  const uint64_t enough = socket.discarded + socket.mark / 4;
  // Not one that is told of an acknowledgement, with whatever is in its queue.
  const bool marked = socket.mark > 0 && !to_the_end && (event.events & EPOLLIN);
  const Queue queue = Advance(socket, kBytesPerTurn, to_the_end);
  if (queue == Queue::kMore) unread_.push_back(event.data.u64);
  if (!marked || queue != Queue::kEmpty) return;
  // The kernel wakes us below the mark where TCP is short of memory (tcp_epollin_ready, tcp_rmem_pressure); with
  // somewhat less than the mark also where small segments have filled this one's buffer.
  const auto still = sockets_.find(event.data.u64);
  if (still != sockets_.end() && still->second.discarded < enough) RemoveAllMarks();
}

// What was parked under them comes as events: to lower a mark makes the kernel look.
void LingerLoop::RemoveAllMarks() {
  for (auto& [id, socket] : sockets_) {
    if (socket.bulk) marks_.Remove(socket);
  }
  marks_.Suspend(uv_hrtime() + kWithoutMarks);
}

// As the kernel's NAPI does with interrupts: where small events come faster than once a millisecond, few at a time, and
// end nothing, they are gathered for that long. A connection that drips, or sends fast in company, then costs no turn
// of the event loop of its own.
void LingerLoop::ChooseMode(int events, bool more, uint64_t bytes) {
  const bool large = bytes >= events * kLargeEvent;
  const bool few = !more && !large && static_cast<size_t>(events) * kCompany <= sockets_.size();
  if (uv_is_active(Handle(busy_))) {
    if (few && events > 1) return;
    uv_timer_stop(busy_);
    SetGate(true);
    return;
  }
  const uint64_t now = uv_hrtime();
  const bool soon = now - woken_ < kMillisecond;
  woken_ = now;
  if (!soon || !few || !reports_.empty()) return;
  SetGate(false);
  uv_timer_start(busy_, [](uv_timer_t* timer) { static_cast<LingerLoop*>(timer->data)->HandleEvents(); }, 1, 1);
}

// Modifying the entry makes epoll look again, and tell what it finds as an edge.
void LingerLoop::Watch(const LingeringSocket& socket) {
  epoll_event event = {};
  event.events = EventsFor(socket.until, socket.eof);
  event.data.u64 = socket.id;
  Call([&] { return epoll_ctl(epoll_, EPOLL_CTL_MOD, socket.fd, &event); });
}

// Reads what there is and finishes the linger if that was its end. After kMore it is still there; after anything else
// it may not be.
Queue LingerLoop::Advance(LingeringSocket& socket, size_t budget, bool to_the_end) {
  int error = 0;
  const bool was_eof = socket.eof;
  Queue queue = Queue::kEof;
  if (!was_eof) {
    const int mark = socket.mark;
    const bool bulk = socket.bulk;
    const uint64_t before = socket.discarded;
    queue = Discard(socket, budget, to_the_end, marks_, scratch_.get(), &error);
    discarded_ += socket.discarded - before;
    if (socket.mark != mark || socket.bulk != bulk) {
      socket.looked_at = socket.discarded;
      Schedule(socket, NextLook(socket, uv_hrtime()));
    }
    if (queue == Queue::kMore) return queue;
    if (queue == Queue::kLimit) Finish(socket, Outcome::kMaxBytes, 0, UnackedBytes(socket));
    if (queue == Queue::kError) FinishByError(socket, error);
    if (queue == Queue::kLimit || queue == Queue::kError) return queue;
    socket.eof = queue == Queue::kEof;
  }
  // Behind an EOF the kernel goes on to answer EOF, also when RST has followed: only SO_ERROR has it.
  if (socket.eof && SocketOption(socket.fd, SO_ERROR, &error) == 0 && error != 0) {
    FinishByError(socket, error);
    return queue;
  }
  if (!socket.eof && socket.until == Until::kEof) return queue;
  const int unacked = UnackedBytes(socket);
  if (socket.until == Until::kDrained) {
    Finish(socket, Outcome::kDrained, 0, unacked);
  } else if (unacked <= 0) {
    Finish(socket, socket.until == Until::kDelivered ? Outcome::kDelivered : Outcome::kEof, 0, unacked);
  } else if (socket.eof && !was_eof) {
    Watch(socket);
  }
  return queue;
}

void LingerLoop::CheckDeadlines() {
  const uint64_t started = uv_hrtime();
  for (int i = 0; i < kEventsPerWakeup && !wakeups_.empty(); i++) {
    const uint64_t now = uv_hrtime();
    if (wakeups_.front().at > now || now - started >= kTimePerWakeup) break;
    const Wakeup wakeup = wakeups_.front();
    std::pop_heap(wakeups_.begin(), wakeups_.end(), std::greater<>());
    wakeups_.pop_back();
    const auto found = sockets_.find(wakeup.id);
    // Entries are not taken out of the heap when their linger ends, or is scheduled anew: they are passed over here.
    if (found != sockets_.end() && found->second.wakeup == wakeup.at) CheckDeadline(found->second);
  }
  ArmTimer();
  Deliver(true);
}

void LingerLoop::CheckDeadline(LingeringSocket& socket) {
  const uint64_t before = socket.looked_at;
  const uint64_t id = socket.id;
  const int mark = socket.mark;
  // The queue decides, not the clock: a blocked event loop must not turn an EOF that is waiting in the queue into a
  // time-out.
  Advance(socket, WholeQueue(socket), true);
  if (sockets_.find(id) == sockets_.end()) return;

  const uint64_t now = uv_hrtime();
  const int unacked = UnackedBytes(socket);
  if (std::max(unacked, 0) < socket.unacked) socket.progress = now;
  socket.unacked = std::max(unacked, 0);
  if (now >= socket.deadline) return Finish(socket, Outcome::kTimeout, 0, unacked);
  if (now >= Saturating(socket.progress, socket.idle)) return Finish(socket, Outcome::kIdle, 0, unacked);
  socket.looked_at = socket.discarded;
  if (socket.mark == mark) marks_.LowerIfSlow(socket, socket.discarded - before);
  Schedule(socket, NextLook(socket, now));
}

void LingerLoop::Schedule(LingeringSocket& socket, uint64_t at) {
  socket.wakeup = at;
  if (at == kNever) return;
  // Mostly entries that are passed over: built anew, which costs each of them but once.
  if (wakeups_.size() > 2 * sockets_.size() + 1'024) {
    wakeups_.clear();
    for (const auto& [id, other] : sockets_) {
      if (other.wakeup != kNever && id != socket.id) wakeups_.push_back({other.wakeup, id});
    }
    std::make_heap(wakeups_.begin(), wakeups_.end(), std::greater<>());
  }
  wakeups_.push_back({at, socket.id});
  std::push_heap(wakeups_.begin(), wakeups_.end(), std::greater<>());
  ArmTimer();
}

// Only ever brought forward: a timer that fires too early looks, and arms itself anew. Never by 0 ms: libuv may run
// such a one in the same turn, and the cap on a wake-up would be none.
void LingerLoop::ArmTimer() {
  if (wakeups_.empty()) return;
  const uint64_t at = wakeups_.front().at;
  if (uv_is_active(Handle(timer_)) && armed_ <= at) return;
  const uint64_t now = uv_hrtime();
  armed_ = at;
  uv_timer_start(
      timer_, [](uv_timer_t* timer) { static_cast<LingerLoop*>(timer->data)->CheckDeadlines(); },
      at > now ? (at - now) / kMillisecond + 1 : 1, 0);
}

void LingerLoop::FinishByError(LingeringSocket& socket, int error) {
  const Outcome outcome = IsConnectionReset(error) ? Outcome::kPeerReset
                          : error == ENOTCONN      ? Outcome::kClosed
                                                   : Outcome::kError;
  Finish(socket, outcome, error, UnackedBytes(socket));
}

void LingerLoop::Finish(LingeringSocket& socket, Outcome outcome, int error, int unacked) {
  // What the peer's TCP has acknowledged stays delivered though RST follows; a UNIX socket's buffer is as empty when
  // the peer threw it away unread.
  const bool thrown_away = socket.local && outcome == Outcome::kPeerReset;
  // Nothing is unacknowledged either when RST came before the FIN, and the shutdown of a connection that is over
  // already does not tell which.
  const bool fin_known = socket.fin_sent || (socket.eof && error == 0);
  const int delivered = unacked > 0 || thrown_away ? 0 : unacked == 0 && fin_known ? 1 : -1;
  reports_.push_back({socket.id, socket.discarded, outcome, error, unacked, delivered});
  marks_.Forget(socket);
  if (socket.ref && --refs_ == 0) uv_unref(Handle(poll_));
  // Behind EOF and an acknowledged FIN there is nothing left that SO_LINGER could say.
  if (outcome != Outcome::kEof || unacked != 0)
    SetLingerOption(socket.fd, outcome == Outcome::kReset || outcome == Outcome::kAborted);
  // While another process or thread has a duplicate, close() leaves the entry in: it would go on to wake us, and refuse
  // the next such duplicate.
  Call([&] { return epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.fd, nullptr); });
  Close(socket.fd);
  sockets_.erase(socket.id);
  if (!sockets_.empty()) return;
  uv_timer_stop(timer_);
  wakeups_.clear();
}

// One call into JavaScript for everything that ended in this wake-up. A callback may end other lingers: `reports_` is
// its own again by then.
void LingerLoop::Deliver(bool from_loop) {
  if (reports_.empty()) return;
  std::vector<Report> reports;
  reports.swap(reports_);
  Napi::HandleScope scope(env_);
  std::vector<napi_value> figures;
  figures.reserve(reports.size() * 6);
  for (const Report& report : reports) {
    for (const double figure : {static_cast<double>(report.id), static_cast<double>(report.outcome),
                                static_cast<double>(report.error), static_cast<double>(report.delivered),
                                static_cast<double>(report.discarded), static_cast<double>(report.unacked)}) {
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
  if (napi_is_exception_pending(env_, &thrown) == napi_ok && thrown &&
      napi_get_and_clear_last_exception(env_, &error) == napi_ok) {
    napi_fatal_exception(env_, error);
  }
}

// The environment ends: Worker.terminate(), or the last of natural work. JavaScript is not called any more.
void LingerLoop::OnTeardown(napi_async_cleanup_hook_handle, void* data) {
  auto* self = static_cast<LingerLoop*>(data);
  self->Drain();
  for (auto& [id, socket] : self->sockets_) Close(socket.fd);
  while (!self->held_.empty()) self->Release(*self->held_.begin());
  self->sockets_.clear();
  self->callback_.Reset();
  napi_async_destroy(self->env_, self->async_);
  uv_close(Handle(self->poll_), OnClosed);
  uv_close(Handle(self->timer_), OnClosed);
  uv_close(Handle(self->busy_), OnClosed);
}

void LingerLoop::OnClosed(uv_handle_t* handle) {
  auto* self = static_cast<LingerLoop*>(handle->data);
  if (++self->closed_ < 3) return;
  napi_remove_async_cleanup_hook(self->cleanup_);
  delete self;
}

}  // namespace lingering_close
