"""Starts uploads, 50 at a time. Each reads the answer to its end, then closes. args: host port count."""
import socket
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for _ in range(count // 50):
    connections = [socket.create_connection((host, port)) for _ in range(50)]
    for connection in connections:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n" + b"x" * 1000)
    for connection in connections:
        while connection.recv(65536):
            pass
        connection.close()
