import http from 'node:http';
import { initTRPC } from '@trpc/server';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { closing, listen, respond, SLOW, sleep } from './answers.mjs';

export async function start() {
  const trpc = initTRPC.create();
  const answer = (name, wait) => ({ [name]: trpc.procedure.query(() => sleep(wait).then(() => name)) });
  const handle = createHTTPHandler({ router: trpc.router({ ...answer('slow', SLOW), ...answer('now', 0) }) });
  const isCall = ({ url }) => url === '/slow' || url === '/now';
  const server = http.createServer((request, response) => (isCall(request) ? handle : respond)(request, response));
  await listen(server);
  return { server, close: () => closing(server), asDocumented: (closeOnSignal) => closeOnSignal() };
}
