"""Clients that upload while they slowly read a large response, as distant clients do: with a small receive buffer,
64 KB at a time and a rest of 20 ms between.

Prints how many clients got the whole response. args: port, number of clients, bytes of the upload, of the response."""
import socket
import sys
import threading
import time

port, count, upload, response = map(int, sys.argv[1:])
whole = 0


def send(sock):
    try:
        sock.sendall(bytes(upload))
    except OSError:
        pass  # Only the response counts.


def read():
    global whole
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sock.connect(("127.0.0.1", port))
    sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % upload)
    threading.Thread(target=send, args=(sock,), daemon=True).start()
    received = b""
    size = None
    try:
        while size is None or len(received) < size:
            chunk = sock.recv(65536)
            if not chunk:
                break
            received += chunk
            if size is None and b"\r\n\r\n" in received:
                size = received.index(b"\r\n\r\n") + 4 + response
            time.sleep(0.02)
    except OSError:
        pass
    whole += size is not None and len(received) == size
    sock.close()


readers = [threading.Thread(target=read) for _ in range(count)]
for reader in readers:
    reader.start()
for reader in readers:
    reader.join()
print(whole)
