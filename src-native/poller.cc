#include "poller.h"

#include "lingering_socket.h"
#include "syscall.h"

namespace lingering_close {
namespace {

// Events gather only where at least so many connections linger for each event: then more events are likely to follow.
constexpr size_t kCompany = 8;
// From so many bytes an event, which only the largest mark brings, an event is worth a turn of the event loop. Events
// that are read in a row hold more packets than the kernel hands back to the processor that has allocated them
// (skb_attempt_defer_free), and the reader has to free the rest.
constexpr uint64_t kLargeEvent = 1536 << 10;

}  // namespace

Poller::~Poller() {
  for (const int fd : {connections_, gate_}) {
    if (fd >= 0) lingering_close::Close(fd);
  }
}

int Poller::Open(uv_loop_t* loop, void (*ready)(void* owner), void* owner) {
  if (!poll_ || !gathering_) return -ENOMEM;
  if (const int result = CreateQueues(); result < 0) return result;
  if (const int result = uv_poll_init(loop, poll_.get(), gate_); result < 0) return result;
  uv_timer_init(loop, gathering_.get());
  ready_ = ready;
  owner_ = owner;
  poll_.get()->data = gathering_.get()->data = this;
  uv_poll_start(poll_.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
    const auto* self = static_cast<Poller*>(handle->data);
    self->ready_(self->owner_);
  });
  uv_unref(poll_.base());
  uv_unref(gathering_.base());
  return 0;
}

void Poller::Close(uv_close_cb closed) {
  poll_.get()->data = gathering_.get()->data = owner_;
  uv_close(poll_.base(), closed);
  uv_close(gathering_.base(), closed);
}

void Poller::KeepAlive(bool alive) {
  if (alive)
    uv_ref(poll_.base());
  else
    uv_unref(poll_.base());
}

// As the kernel's NAPI does with interrupts: where small events come faster than once a millisecond, few at a time, and
// end no connection, they gather for a millisecond. A connection that sends a few bytes at a time, or one of many fast
// senders, then costs no turn of the event loop of its own.
void Poller::ChooseMode(const Turn& turn, size_t connections) {
  const bool large = turn.bytes >= turn.events * kLargeEvent;
  const bool few = !turn.more && !large && static_cast<size_t>(turn.events) * kCompany <= connections;
  if (uv_is_active(gathering_.base())) {
    if (few && turn.events > 1) return;
    uv_timer_stop(gathering_.get());
    SetGate(true);
    return;
  }
  const uint64_t now = uv_hrtime();
  const bool soon = now - woken_ < kMillisecond;
  woken_ = now;
  if (!soon || !few || turn.ended) return;
  SetGate(false);
  uv_timer_start(
      gathering_.get(),
      [](uv_timer_t* timer) {
        const auto* self = static_cast<Poller*>(timer->data);
        self->ready_(self->owner_);
      },
      1, 1);
}

}  // namespace lingering_close
