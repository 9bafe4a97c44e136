/** Counts what keeps the channel to the parent process alive. Not documented. */
interface Channel {
  refCounted?: () => void;
  unrefCounted?: () => void;
}

/**
 * Calls `run` when the parent process sends a message, without keeping the process alive for it.
 * @returns a function that stops listening
 */
export function onParentMessage(text: string, run: () => void): () => void {
  const { channel } = process as { channel?: Channel };
  if (!process.connected) return () => {};
  const onMessage = (message: unknown) => {
    if (message === text) run();
  };
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
