import { closing, listen, respond } from './answers.mjs';

export async function start() {
  const server = await listen(respond);
  return { server, close: () => closing(server), asDocumented: (closeOnSignal) => closeOnSignal() };
}
