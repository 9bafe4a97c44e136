"""Begins so many uploads, one after the other: each time it reads the answer to its end, then closes. args: host port count."""
import socket
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for _ in range(count):
    with socket.create_connection((host, port)) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n" + b"x" * 1000)
        while sock.recv(65536):
            pass
