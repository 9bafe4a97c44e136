// What a server answers, byte for byte.
import { once } from 'node:events';
import { connect } from 'node:net';

export interface RawRequest {
  /** What comes until the server, or `end()`, ends the connection. */
  text: Promise<string>;
  write(text: string): void;
  end(): void;
}

/** Sends `text` on a connection of its own. */
export async function rawRequest(port: number, text: string): Promise<RawRequest> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    received += chunk;
  });
  socket.write(text);
  const ended = new Promise<string>((resolve) => {
    socket.on('error', (error) => {
      received += `<${(error as NodeJS.ErrnoException).code}>`;
    });
    socket.on('close', () => resolve(received));
  });
  return { text: ended, write: (more) => socket.write(more), end: () => socket.end() };
}

/**
 * A response without the lines that differ from one to the next, and without those with which it speaks of its
 * connection.
 */
export function withoutConnection(text: string): string {
  return text.replace(/^(Date|Connection|Keep-Alive): .*\r\n/gim, '');
}
