# A server that answers an upload early and resets the connection, in a process of its own. It makes plain system calls,
# so the RST is the kernel's. Its argument is JSON (see ServerOptions in client-host.ts). It prints its port. With
# each connection it prints 'ready' when it has read what it wants to, goes on when a byte comes by descriptor 3, and
# writes a line to descriptor 4 behind the system call that ends the connection. It ends when its parent does, however
# that ends: it holds the parent's stderr, and a test waits until that is closed.
import fcntl
import json
import os
import select
import socket
import ssl
import struct
import sys
import termios
import threading
import time

options = json.loads(sys.argv[1])
answer = options.get('answer', '').encode('latin1') + b'x' * options.get('body', 0)
how = options.get('how', 'reset')
family = socket.AF_UNIX if 'path' in options else socket.AF_INET
listener = socket.socket(family)
if family == socket.AF_UNIX:
    listener.bind(options['path'])
else:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', 0))
listener.listen(512)
context = None
if options.get('pem'):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options['pem'])
    # A session ticket would be one more record, at a time of its own.
    context.num_tickets = 0
GO, TOLD = 3, 4
SIOCOUTQ = 0x5411


def end_with_parent():
    # The parent alone has the other end.
    hangup = select.poll()
    hangup.register(GO, 0)
    hangup.poll()
    os._exit(0)


def say(text):
    os.write(TOLD, text.encode() + b'\n')


def queued(connection, request):
    return struct.unpack('i', fcntl.ioctl(connection.fileno(), request, b'\0' * 4))[0]


def read_head(connection):
    head = b''
    while b'\r\n\r\n' not in head:
        piece = connection.recv(1)
        if not piece:
            raise OSError('EOF within a head')
        head += piece


def serve(connection):
    # To a CONNECT, or to an upgrade.
    if options.get('switch'):
        read_head(connection)
        connection.sendall(options['switch'].encode('latin1'))
    if context:
        connection = context.wrap_socket(connection, server_side=True)
    for _ in range(options.get('requests', 0)):
        read_head(connection)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    if not options.get('raw'):
        read_head(connection)
    if options.get('first'):
        connection.sendall(options['first'].encode('latin1'))
    # A close with unread data is a reset.
    while queued(connection, termios.FIONREAD) < options.get('unread', 1):
        time.sleep(0.0002)
    print('ready', flush=True)
    os.read(GO, 1)
    if options.get('fills'):
        # As much as the client and its kernel take. A large send buffer would take all of it at once, and the reset
        # would throw it away before the client has had much.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        connection.settimeout(0.1)
        try:
            connection.sendall(answer)
        except TimeoutError:
            pass
    elif answer:
        connection.sendall(answer)
    if options.get('garbage'):
        os.write(connection.fileno(), b'no record of TLS' * 8)
    if options.get('acked'):
        while queued(connection, SIOCOUTQ) > 0:
            time.sleep(0.0002)
    if how == 'stay':
        kept.append(connection)
        say('stays')
        return
    if how == 'fin-reset':
        socket.socket.shutdown(connection, socket.SHUT_WR)
    os.close(connection.detach())
    say('reset')


threading.Thread(target=end_with_parent, daemon=True).start()
kept = []
print(listener.getsockname()[1] if family == socket.AF_INET else 0, flush=True)
while True:
    accepted, _ = listener.accept()
    try:
        serve(accepted)
    except (OSError, ssl.SSLError) as error:
        say('failed: %s' % error)
