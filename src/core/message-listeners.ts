// Listeners of this package for the messages of a parent process. They change what Node does for an application that
// does not listen itself: Node keeps the process alive for each listener, and keeps messages until there is one.

/** All copies of the package know them by it. */
const OURS = Symbol.for('lingering-close.message');

export type MessageListener = ((...message: unknown[]) => void) & { [OURS]?: true };

export function markAsOurs(listener: MessageListener): void {
  listener[OURS] = true;
}

export function isOurs(listener: MessageListener): boolean {
  return listener[OURS] === true;
}

/** Those for 'message', in the order in which they are called. */
export function messageListeners(): MessageListener[] {
  return process.listeners('message') as MessageListener[];
}
