"""Uploads 5 MB one time after another, and reads only behind the last byte.

args: port, how many, 'tls' or 'tcp', 'http' or 'raw'. Prints JSON: how many got the
whole answer, what the others got, and the longest time in seconds."""
import json
import socket
import ssl
import sys
import time

port, count, transport, protocol = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
SIZE = 5 << 20
whole, others, longest = 0, {}, 0.0
for _ in range(count):
    started = time.monotonic()
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(30)
    try:
        if transport == "tls":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        if protocol == "http":
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // 65536):
            connection.sendall(b"x" * 65536)
        answer = b""
        while b"early" not in answer:
            received = connection.recv(65536)
            if not received:
                break
            answer += received
        if b"early" in answer and (protocol == "raw" or answer.startswith(b"HTTP/1.1 413 ")):
            whole += 1
        else:
            others["EOF"] = others.get("EOF", 0) + 1
    except OSError as error:
        name = type(error).__name__
        others[name] = others.get(name, 0) + 1
    connection.close()
    longest = max(longest, time.monotonic() - started)
print(json.dumps({"whole": whole, "others": others, "longest": longest}))
