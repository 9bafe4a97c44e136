"""Connects `count` times, one after the other. Each time it reads to the end, then closes.

args: host port, or path; count; tls or not.
"""
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
        pass  # Some connections are reset on purpose, a few of them before connect() returns.
    sock.close()
