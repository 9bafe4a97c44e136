// What raw peers send to HTTP servers.

export const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
export const GET_AND_CLOSE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
export const UPGRADE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
export const CHUNKED = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';

/** The head of an upload; the body follows. */
export function post(length: number, headers = ''): string {
  return `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${headers}\r\n`;
}

function frame(type: number, flags: number, stream: number, payload = ''): string {
  const bytes = [
    payload.length >> 16,
    (payload.length >> 8) & 0xff,
    payload.length & 0xff,
    type,
    flags,
    0,
    0,
    0,
    stream,
  ];
  return String.fromCharCode(...bytes) + payload;
}

/** A header in HPACK without tables and without Huffman. */
function header(name: string, value: string): string {
  return String.fromCharCode(0, name.length) + name + String.fromCharCode(value.length) + value;
}

const HEADERS =
  header(':method', 'POST') + header(':path', '/') + header(':scheme', 'http') + header(':authority', 'x');

/** An HTTP/2 client: preface, empty SETTINGS, and the head of one upload. All of it is ASCII. */
export const HTTP2_POST = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0)}${frame(1, 4, 1, HEADERS)}`;
