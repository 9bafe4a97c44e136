// What the addon exchanges with its libc and, through libc, with the kernel: sizes, offsets and numbers. The file is
// compiled to assembly with the headers of glibc and of musl, and never run: test/package/musl.test.ts compares the
// two.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PLACE(type, member) offsetof(type, member), sizeof((type){0}.member)

const long layouts[] = {
    // sigaction
    sizeof(struct sigaction),
    PLACE(struct sigaction, sa_handler),
    PLACE(struct sigaction, sa_sigaction),
    PLACE(struct sigaction, sa_mask),
    PLACE(struct sigaction, sa_flags),
    SA_SIGINFO,
    SIGPIPE,
    (long)SIG_DFL,
    (long)SIG_IGN,
    // epoll
    sizeof(struct epoll_event),
    PLACE(struct epoll_event, events),
    PLACE(struct epoll_event, data.u64),
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLL_CTL_MOD,
    EPOLL_CTL_DEL,
    EPOLLIN,
    EPOLLOUT,
    EPOLLPRI,
    EPOLLERR,
    EPOLLHUP,
    EPOLLRDHUP,
    (long)EPOLLET,
    // socket options
    sizeof(struct linger),
    PLACE(struct linger, l_onoff),
    PLACE(struct linger, l_linger),
    sizeof(socklen_t),
    SOL_SOCKET,
    SO_LINGER,
    SO_TYPE,
    SO_DOMAIN,
    SO_PROTOCOL,
    SO_ACCEPTCONN,
    SO_RCVLOWAT,
    SO_ERROR,
    SOCK_STREAM,
    AF_INET,
    AF_INET6,
    AF_UNIX,
    IPPROTO_TCP,
    SHUT_WR,
    // calls
    sizeof(size_t),
    sizeof(ssize_t),
    MSG_DONTWAIT,
    MSG_TRUNC,
    MSG_PEEK,
    MSG_NOSIGNAL,
    F_DUPFD_CLOEXEC,
    FIONREAD,
    TIOCOUTQ,
    // errno
    EINTR,
    EAGAIN,
    EBADF,
    EINVAL,
    ENOSYS,
    EFAULT,
    EALREADY,
    EPIPE,
    ECONNRESET,
    ECONNABORTED,
    ENOTCONN,
    EPROTOTYPE,
    ENOTSOCK,
};
