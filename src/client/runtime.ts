// Bun and Deno have a node:net of their own, in which a socket does not call its `_write`, or does not report the error
// of a write in the way of Node.

/** Whether the sockets are Node's own. Elsewhere the client's half steps aside. */
export const hasNodeSockets = !process.versions['bun'] && !('Deno' in globalThis);
