"""Connects so many times, one after the other: each time it reads to the end, then closes. args: host port, or path; count; tls or not."""
import socket
import ssl
import sys

*address, count, tls = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE

for _ in range(int(count)):
    sock = socket.socket(socket.AF_UNIX if len(address) == 1 else socket.AF_INET)
    try:
        sock.connect(address[0] if len(address) == 1 else (address[0], int(address[1])))
        if tls == "tls":
            sock = context.wrap_socket(sock)
        while sock.recv(65536):
            pass
    except OSError:
        pass  # Some are reset, as they should be, and a few before connect() has returned.
    sock.close()
