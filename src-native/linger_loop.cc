#include "linger_loop.h"

#include <algorithm>

#include <netinet/in.h>

#include "syscall.h"
#include "tcp_ending.h"

namespace lingering_close {
namespace {

// The most connections for one wake-up of the loop, each with kBytesPerTurn at most.
constexpr int kEventsPerWakeup = 64;
// A wake-up ends earlier once it has taken so long. The clock is read after every few connections.
constexpr uint64_t kTimePerWakeup = kMillisecond / 2;
// A peer that keeps up the minimum rate has so many times the total time.
constexpr double kPatience = 10;
// What a float can hold. No peer sends with the second.
constexpr double kLeastRate = 1e-9;
constexpr double kInfiniteRate = 1e30;
// A peer with hardly more than the minimum rate would earn a moment at a time. It gets no more extensions than these.
constexpr uint64_t kMostExtensions = 300;

// Whether the linger goes on until the peer has acknowledged our FIN.
bool AwaitsAcknowledgement(const LingeringSocket& socket) { return socket.eof || socket.until != Until::kEof; }

bool IsConnectionReset(int error) { return error == ECONNRESET || error == EPIPE || error == ECONNABORTED; }

uint64_t Saturating(uint64_t a, uint64_t b) { return a > kNever - b ? kNever : a + b; }

// Milliseconds or bytes from JavaScript, where Infinity means no limit.
uint64_t Limit(double value, uint64_t unit) {
  return value * static_cast<double>(unit) < 9e18 ? static_cast<uint64_t>(value * static_cast<double>(unit)) : kNever;
}

// When the limits are checked next. A bulk sender is checked by a tick, because its mark hides a slow sender from the
// poller. So is a connection whose idle time counts acknowledgements: the poller tells only of the last one. While
// `unacked` is -1, the acknowledgements have not been looked at yet.
uint64_t NextLook(const LingeringSocket& socket, uint64_t now) {
  const uint64_t limit = std::min(socket.deadline, Saturating(socket.progress, socket.idle));
  const bool ticks = socket.bulk || (socket.idle != kNever && socket.unacked != 0);
  const uint64_t tick = std::clamp(socket.idle / 4, 10 * kMillisecond, 1'000 * kMillisecond);
  return ticks ? std::min(limit, now + tick) : limit;
}

}  // namespace

LingerLoop* LingerLoop::Get(napi_env env) {
  void* self = nullptr;
  napi_get_instance_data(env, &self);
  return static_cast<LingerLoop*>(self);
}

int LingerLoop::Open(Napi::Env env, Napi::Function callback) {
  // Node-API promises nothing about uv.h. The calls used here have kept their form in all of libuv 1.
  if (uv_version() >> 16 != 1) return -ENOSYS;
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return -ENOSYS;
  auto* self = new (std::nothrow) LingerLoop(env, loop);
  if (!self) return -ENOMEM;
  if (const int result = self->Init(); result < 0) {
    delete self;
    return result;
  }
  self->callback_ = Napi::Persistent(callback);
  napi_async_init(env, nullptr, Napi::String::New(env, "LINGERINGCLOSE"), &self->async_);
  napi_add_async_cleanup_hook(env, OnTeardown, self, &self->cleanup_);
  // Without a finalizer: it would run before the handles are closed. The last close callback deletes `self`.
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

int64_t LingerLoop::Start(int fd, bool take, bool accepted, const Limits& limits) {
  int type = SOCK_STREAM;
  int domain = AF_INET;
  int protocol = 0;
  if (const int result = SocketOption(fd, SO_PROTOCOL, &protocol); result < 0) return result;
  // TCP is always a stream. (CheckTakeover has refused a netlink socket, which can have this protocol number too.)
  if (protocol != IPPROTO_TCP) {
    SocketOption(fd, SO_TYPE, &type);
    SocketOption(fd, SO_DOMAIN, &domain);
  }
  if (type != SOCK_STREAM) return -EPROTOTYPE;
  const int own = take ? fd : Duplicate(fd);
  if (own < 0) return own;

  const uint64_t id = next_id_++;
  if (const int result = poller_.Add(own, id, limits.until != Until::kEof); result < 0) {
    if (!take) Close(own);
    return result;
  }
  const bool tcp = protocol == IPPROTO_TCP;
  const bool local = domain == AF_UNIX;
  // After libuv's own shutdown, a second one does nothing. A UNIX socket that was never connected can be shut down too.
  bool fin_sent = Call([&] { return shutdown(own, SHUT_WR); }) == 0 && (!local || WasConnected(own));
  if (!fin_sent && tcp) {
    // The connection is over already.
    const Ending ending = HowEnded(own, accepted);
    if (ending == Ending::kBroken && !HasError(own)) {
      poller_.Remove(own);
      if (!take) Close(own);
      return -ENOTCONN;
    }
    fin_sent = ending == Ending::kDelivered;
  }
  const uint64_t now = uv_hrtime();
  LingeringSocket& socket = sockets_[id];
  socket.id = id;
  socket.fd = own;
  socket.until = limits.until;
  socket.idle = Limit(limits.idle, kMillisecond);
  socket.started = now;
  socket.deadline = Saturating(now, Limit(limits.timeout, kMillisecond));
  socket.last_deadline = Saturating(now, Limit(limits.timeout * kPatience, kMillisecond));
  socket.min_rate = static_cast<float>(std::clamp(limits.min_rate, kLeastRate, kInfiniteRate));
  socket.max_bytes = Limit(limits.max_bytes, 1);
  socket.progress = now;
  socket.unacked = -1;
  socket.ref = limits.ref;
  socket.tcp = tcp;
  socket.local = local;
  socket.fin_sent = fin_sent;
  deadlines_.Schedule(socket, NextLook(socket, now));
  if (limits.ref == Ref::kYes && refs_++ == 0) poller_.KeepAlive(true);
  return static_cast<int64_t>(id);
}

bool LingerLoop::End(uint64_t id, Outcome outcome) {
  auto found = sockets_.find(id);
  if (found == sockets_.end()) return false;
  if (outcome != Outcome::kReset && outcome != Outcome::kAborted) {
    // Bytes in the queue would make close() send RST. An EOF in the queue is the true end of this linger.
    Advance(found->second, WholeQueue(found->second), true);
    found = sockets_.find(id);
  }
  if (found != sockets_.end()) Finish(found->second, outcome, 0, UnackedBytes(found->second));
  Deliver(false);
  return true;
}

int LingerLoop::Hold(int fd) {
  const int own = Duplicate(fd);
  if (own >= 0) held_.push_back(own);
  return own;
}

bool LingerLoop::Release(int fd) {
  const auto found = std::find(held_.begin(), held_.end(), fd);
  if (found == held_.end()) return false;
  held_.erase(found);
  SetLingerOption(fd, false);
  Close(fd);
  return true;
}

void LingerLoop::KeepBriefly(double idle) {
  const uint64_t now = uv_hrtime();
  for (auto& [id, socket] : sockets_) {
    if (socket.ref != Ref::kBriefly) continue;
    socket.ref = Ref::kYes;
    if (refs_++ == 0) poller_.KeepAlive(true);
    socket.idle = std::min(socket.idle, Limit(idle, kMillisecond));
    deadlines_.Schedule(socket, NextLook(socket, now));
  }
}

void LingerLoop::Drain() {
  for (auto& [id, socket] : sockets_) {
    int error = 0;
    if (!socket.eof) Discard(socket, WholeQueue(socket), true, marks_, scratch_.get(), &error);
    SetLingerOption(socket.fd, false);
  }
}

int LingerLoop::Init() {
  if (!deadlines_.HasMemory() || !scratch_) return -ENOMEM;
  const int result = poller_.Open(loop_, [](void* self) { static_cast<LingerLoop*>(self)->HandleEvents(); }, this);
  if (result < 0) return result;
  deadlines_.Open(loop_, [](void* self) { static_cast<LingerLoop*>(self)->CheckDeadlines(); }, this);
  return 0;
}

// Whether a handle of this thread's event loop has the descriptor. It then belongs to a Socket, even if that is paused.
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

void LingerLoop::HandleEvents() {
  const uint64_t started = uv_hrtime();
  const uint64_t discarded = discarded_;
  int count = 0;
  bool more = true;
  unread_.clear();
  while (more && count < kEventsPerWakeup && uv_hrtime() - started < kTimePerWakeup) {
    Event events[Poller::kMostAtOnce];
    const int told = poller_.Take(events);
    for (int i = 0; i < told; i++) HandleEvent(events[i]);
    count += told;
    more = told == Poller::kMostAtOnce;
  }
  // An edge is told only once. Rearmed, these connections come again, after all others.
  for (const uint64_t id : unread_) {
    const auto found = sockets_.find(id);
    if (found == sockets_.end()) continue;
    poller_.Rearm(found->second.fd, id, AwaitsAcknowledgement(found->second));
  }
  poller_.ChooseMode({count, more, !reports_.empty(), discarded_ - discarded}, sockets_.size());
  Deliver(true);
}

void LingerLoop::HandleEvent(const Event& event) {
  const auto found = sockets_.find(event.id);
  if (found == sockets_.end()) return;
  LingeringSocket& socket = found->second;
  const uint64_t enough = socket.discarded + socket.mark / 4;
  // An event that tells of an acknowledgement alone comes at any fill of the queue.
  const bool marked = socket.mark > 0 && !event.to_the_end && event.readable;
  const Queue queue = Advance(socket, kBytesPerTurn, event.to_the_end);
  if (queue == Queue::kMore) unread_.push_back(event.id);
  if (!marked || queue != Queue::kEmpty) return;
  // A quarter of the mark: somewhat below the mark, a receive buffer may be full without any fault.
  const auto still = sockets_.find(event.id);
  if (still != sockets_.end() && still->second.discarded < enough) marks_.WokenEarly(still->second, sockets_);
}

// Reads what there is, and finishes the linger if that was its end. With kMore `socket` is valid afterwards; with any
// other result it may be gone.
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
      deadlines_.Schedule(socket, NextLook(socket, uv_hrtime()));
    }
    if (queue == Queue::kMore) return queue;
    if (queue == Queue::kLimit) Finish(socket, Outcome::kMaxBytes, 0, UnackedBytes(socket));
    if (queue == Queue::kError) FinishByError(socket, error);
    if (queue == Queue::kLimit || queue == Queue::kError) return queue;
    socket.eof = queue == Queue::kEof;
  }
  // After an EOF, recv goes on to give EOF, even when RST has followed. Only SO_ERROR tells of the RST.
  if (socket.eof && SocketOption(socket.fd, SO_ERROR, &error) == 0 && error != 0) {
    FinishByError(socket, error);
    return queue;
  }
  if (!socket.eof && socket.until == Until::kEof) return queue;
  const int unacked = UnackedBytes(socket);
  // The peer has reset the connection, and another call has taken the error off the socket. Nothing is acknowledged any
  // more.
  if (socket.eof && socket.tcp && unacked > 0 && HowEnded(socket.fd, false) == Ending::kBroken) {
    SocketOption(socket.fd, SO_ERROR, &error);
    FinishByError(socket, error == 0 ? ECONNRESET : error);
    return queue;
  }
  if (socket.until == Until::kDrained) {
    Finish(socket, Outcome::kDrained, 0, unacked);
  } else if (unacked <= 0) {
    Finish(socket, socket.until == Until::kDelivered ? Outcome::kDelivered : Outcome::kEof, 0, unacked);
  } else if (socket.eof && !was_eof) {
    poller_.Rearm(socket.fd, socket.id, true);
  }
  return queue;
}

void LingerLoop::CheckDeadlines() {
  const uint64_t started = uv_hrtime();
  for (int i = 0; i < kEventsPerWakeup; i++) {
    const uint64_t now = uv_hrtime();
    LingeringSocket* socket = nullptr;
    if (now - started >= kTimePerWakeup || !deadlines_.Take(now, &socket)) break;
    if (socket) CheckDeadline(*socket);
  }
  deadlines_.Arm();
  Deliver(true);
}

void LingerLoop::CheckDeadline(LingeringSocket& socket) {
  const uint64_t before = socket.looked_at;
  const uint64_t id = socket.id;
  const int mark = socket.mark;
  // First the queue, then the clock: after the event loop was blocked, an EOF that waits in the queue must not be
  // reported as a time-out.
  Advance(socket, WholeQueue(socket), true);
  if (sockets_.find(id) == sockets_.end()) return;

  const uint64_t now = uv_hrtime();
  const int unacked = UnackedBytes(socket);
  if (std::max(unacked, 0) < socket.unacked) socket.progress = now;
  socket.unacked = std::max(unacked, 0);
  if (now >= socket.deadline && !EarnedMore(socket, now)) return Finish(socket, Outcome::kTimeout, 0, unacked);
  if (now >= Saturating(socket.progress, socket.idle)) return Finish(socket, Outcome::kIdle, 0, unacked);
  socket.looked_at = socket.discarded;
  if (socket.mark == mark) marks_.LowerIfSlow(socket, socket.discarded - before);
  deadlines_.Schedule(socket, NextLook(socket, now));
}

// Moves the deadline of a peer that has kept up the minimum rate, on average since the start, to the time at which the
// average would be lower if nothing more came. It costs nothing before the first deadline.
bool LingerLoop::EarnedMore(LingeringSocket& socket, uint64_t now) {
  if (now >= socket.last_deadline) return false;
  const double seconds = static_cast<double>(socket.discarded) / static_cast<double>(socket.min_rate);
  const uint64_t earned = Saturating(socket.started, Limit(seconds * 1'000, kMillisecond));
  if (earned <= now) return false;
  const uint64_t least = (socket.last_deadline - socket.started) / kMostExtensions;
  socket.deadline = std::min(std::max(earned, Saturating(now, least)), socket.last_deadline);
  return true;
}

void LingerLoop::FinishByError(LingeringSocket& socket, int error) {
  // A socket that was never connected: recv gives ENOTCONN for TCP, EINVAL for UNIX sockets.
  const bool unconnected = error == ENOTCONN || (socket.local && error == EINVAL);
  const Outcome outcome = IsConnectionReset(error) ? Outcome::kPeerReset
                          : unconnected            ? Outcome::kClosed
                                                   : Outcome::kError;
  Finish(socket, outcome, error, UnackedBytes(socket));
}

void LingerLoop::Finish(LingeringSocket& socket, Outcome outcome, int error, int unacked) {
  // What the peer's TCP has acknowledged stays delivered, even if RST follows. The buffer of a UNIX socket is also
  // empty when the peer has closed without reading it.
  const bool thrown_away = socket.local && outcome == Outcome::kPeerReset;
  // Nothing is unacknowledged either where RST came before our FIN.
  const bool lost = unacked > 0 || thrown_away || outcome == Outcome::kClosed;
  const int delivered = lost ? 0 : unacked == 0 && socket.fin_sent ? 1 : -1;
  reports_.push_back({socket.id, socket.discarded, outcome, error, unacked, delivered});
  marks_.Forget(socket);
  if (socket.ref == Ref::kYes && --refs_ == 0) poller_.KeepAlive(false);
  // After EOF and an acknowledged FIN, SO_LINGER has no effect.
  if (outcome != Outcome::kEof || unacked != 0)
    SetLingerOption(socket.fd, outcome == Outcome::kReset || outcome == Outcome::kAborted);
  poller_.Remove(socket.fd);
  Close(socket.fd);
  sockets_.erase(socket.id);
  if (sockets_.empty()) deadlines_.Clear();
}

// One call into JavaScript for all lingers that ended in this wake-up. The callback may end others, so `reports_` is
// emptied before the call.
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
  // In a Worker that is being terminated, the call fails without an exception, and there is nothing to report.
  bool thrown = false;
  napi_value error = nullptr;
  if (napi_is_exception_pending(env_, &thrown) == napi_ok && thrown &&
      napi_get_and_clear_last_exception(env_, &error) == napi_ok) {
    napi_fatal_exception(env_, error);
  }
}

// The environment ends: by Worker.terminate(), or because its event loop has no more work. JavaScript is not called any
// more.
void LingerLoop::OnTeardown(napi_async_cleanup_hook_handle, void* data) {
  auto* self = static_cast<LingerLoop*>(data);
  self->Drain();
  for (auto& [id, socket] : self->sockets_) Close(socket.fd);
  while (!self->held_.empty()) self->Release(self->held_.back());
  self->sockets_.clear();
  self->callback_.Reset();
  napi_async_destroy(self->env_, self->async_);
  self->poller_.Close(OnClosed);
  self->deadlines_.Close(OnClosed);
}

void LingerLoop::OnClosed(uv_handle_t* handle) {
  auto* self = static_cast<LingerLoop*>(handle->data);
  if (++self->closed_ < Poller::kHandles + Deadlines::kHandles) return;
  napi_remove_async_cleanup_hook(self->cleanup_);
  delete self;
}

}  // namespace lingering_close
