"""Says a port, accepts a connection there, and becomes another program, which inherits it.

Node itself hands out no raw descriptors. INHERITED names them: the connection, the listening socket, a pipe, a datagram
socket. With a number of milliseconds, the connection gets this number as its TCP_USER_TIMEOUT, and as much output as
the kernel takes.
"""
import json
import os
import socket
import sys

user_timeout = int(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
if user_timeout:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout)
    connection.setblocking(False)
    try:
        while True:
            connection.send(b"x" * (1 << 20))
    except BlockingIOError:
        pass
pipe, _ = os.pipe()
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
unconnected_unix = socket.socket(socket.AF_UNIX)
unconnected_tcp = socket.socket()
inherited = {
    "connection": connection.detach(),
    "listener": listener.detach(),
    "pipe": pipe,
    "datagram": datagram.detach(),
    "unconnectedUnix": unconnected_unix.detach(),
    "unconnectedTcp": unconnected_tcp.detach(),
}
for descriptor in inherited.values():
    os.set_inheritable(descriptor, True)
os.environ["INHERITED"] = json.dumps(inherited)
os.execvp(sys.argv[2], sys.argv[2:])
