# Opens connections, has each answered once, and closes each when its server has closed. args: port, count.
import select
import socket
import sys

port, count = map(int, sys.argv[1:])
connections = {}
for _ in range(count):
    connection = socket.create_connection(('127.0.0.1', port))
    connection.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    connections[connection.fileno()] = connection
poll = select.epoll()
for descriptor, connection in connections.items():
    answer = b''
    while b'\r\n\r\n' not in answer:
        answer += connection.recv(4096)
    poll.register(descriptor, select.EPOLLIN)
print('ready', flush=True)
while connections:
    for descriptor, _ in poll.poll():
        connection = connections[descriptor]
        try:
            ended = not connection.recv(4096)
        except OSError:
            ended = True
        if ended:
            poll.unregister(descriptor)
            connections.pop(descriptor).close()
