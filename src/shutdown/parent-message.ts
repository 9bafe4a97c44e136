import { isOurs, type MessageListener, markAsOurs, messageListeners } from '../core/message-listeners.ts';
import { nextTick } from '../core/time.ts';

/** Counts what keeps the channel to the parent process alive. Not documented. */
interface Channel {
  refCounted?: () => void;
  unrefCounted?: () => void;
}

/**
 * Messages that came before the application listens to them. Node keeps them until somebody listens, and takes the
 * listener of this package for that.
 */
const kept: unknown[][] = [];

/**
 * Calls `run` when the parent process sends a message, without keeping the process alive for it.
 * @returns a function that stops listening
 */
export function onParentMessage(text: string, run: () => void): () => void {
  const { channel } = process as { channel?: Channel };
  if (!process.connected) return () => {};
  const onMessage: MessageListener = (...message) => {
    const listeners = messageListeners();
    if (listeners[0] === onMessage && listeners.every(isOurs)) keep(message);
    if (message[0] === text) run();
  };
  markAsOurs(onMessage);
  process.on('message', onMessage);
  // Node counts each listener of 'message'.
  channel?.unrefCounted?.();
  let listens = true;
  return () => {
    if (!listens) return;
    listens = false;
    channel?.refCounted?.();
    process.removeListener('message', onMessage);
  };
}

function keep(message: unknown[]): void {
  // In front of Node's own listener, which passes on what came later.
  if (kept.length === 0) (process as NodeJS.EventEmitter).prependListener('newListener', passOn);
  kept.push(message);
}

function passOn(event: string | symbol, listener: MessageListener): void {
  if (event !== 'message' || isOurs(listener)) return;
  process.removeListener('newListener', passOn);
  // By then it listens.
  for (const message of kept.splice(0)) nextTick(() => Reflect.apply(process.emit, process, ['message', ...message]));
}
