"""Opens descriptors of every kind and becomes another program, which inherits them: Node has never seen them.

DESCRIPTORS names them. The other ends stay open too, so that nothing ends early. The argument before the program is the
number of connections, TCP and UNIX sockets in turn, that the program may take over and close.
"""
import ctypes
import json
import os
import select
import socket
import sys
import tempfile


other_ends = []


def tcp():
    other_ends.append(socket.create_connection(listener.getsockname()))
    return listener.accept()[0]


def unix(kind=socket.SOCK_STREAM):
    ours, other = socket.socketpair(socket.AF_UNIX, kind)
    other_ends.append(other)
    return ours


spare_pairs = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
path = os.path.join(tempfile.mkdtemp(), "socket")
unix_listener = socket.socket(socket.AF_UNIX)
unix_listener.bind(path)
unix_listener.listen()
os.unlink(path)
os.rmdir(os.path.dirname(path))
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.bind(("127.0.0.1", 0))
connected_datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
connected_datagram.connect(datagram.getsockname())
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
pty, tty = os.openpty()
pipe_out, pipe_in = os.pipe()

kinds = {
    "file": os.open(sys.executable, os.O_RDONLY),
    "directory": os.open("/", os.O_RDONLY | os.O_DIRECTORY),
    "device": os.open("/dev/null", os.O_RDWR),
    "memory": os.memfd_create("memory"),
    "pipe's end": pipe_out,
    "pipe's start": pipe_in,
    "pty": pty,
    "tty": tty,
    "epoll": select.epoll(),
    "eventfd": os.eventfd(0),
    "timerfd": libc.timerfd_create(1, 0),
    "inotify": libc.inotify_init1(0),
    "UDP": datagram,
    "connected UDP": connected_datagram,
    "UNIX datagram": unix(socket.SOCK_DGRAM),
    "UNIX seqpacket": unix(socket.SOCK_SEQPACKET),
    "netlink": netlink,
    "listening TCP": listener,
    "listening UNIX": unix_listener,
    "unconnected TCP": socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "TCP": tcp(),
    "UNIX": unix(),
}
spare = [tcp() if i % 2 else unix() for i in range(spare_pairs)]


def hand_down(descriptor):
    number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
    if number < 0:
        raise OSError(ctypes.get_errno(), "a descriptor could not be opened")
    os.set_inheritable(number, True)
    return number


for other in other_ends:
    hand_down(other)
os.environ["DESCRIPTORS"] = json.dumps(
    {"kinds": {kind: hand_down(d) for kind, d in kinds.items()}, "spare": [hand_down(d) for d in spare]}
)
os.execvp(sys.argv[2], sys.argv[2:])
