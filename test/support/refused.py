"""Sends a head that the server refuses, and then many bytes: a client that writes all before it reads.

It repeats this `count` times and prints what each attempt got: the status and the length of the body, or an errno.
args: host, port, count, bytes, the head.
"""
import errno
import socket
import sys

host, port, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
head = sys.argv[5].encode().decode("unicode_escape").encode()
body = bytes(size)
for _ in range(count):
    with socket.create_connection((host, port)) as sock:
        try:
            sock.sendall(head + body)
            answer = b""
            while data := sock.recv(65536):
                answer += data
            head_of_answer, _, rest = answer.partition(b"\r\n\r\n")
            print(head_of_answer.split(b" ")[1].decode(), rest.count(b"x"))
        except OSError as error:
            print(errno.errorcode.get(error.errno, error))
