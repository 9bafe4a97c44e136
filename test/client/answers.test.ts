// A server answers an upload early and resets the connection, and the client's next write meets the reset with the
// answer unread. As Node is, each of these answers is lost. With register-clients none is.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClientHost, type ClientName, REGISTER_CLIENTS, uploaded } from '../support/client-host.ts';
import { STREAMS_ENGINE } from '../support/fixture.ts';

const WHOLE = 'HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\nConnection: close\r\n\r\nlarge\n';
const ANSWERS = {
  whole: WHOLE,
  'that would keep the connection alive': WHOLE.replace('close', 'keep-alive'),
  chunked: 'HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nlarge\n\r\n0\r\n\r\n',
  'without a body': 'HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n',
};

const CODES = { reset: 'ECONNRESET', 'fin-reset': 'EPIPE' } as const;
const WAYS = ['reset', 'fin-reset'] as const;
const CLIENTS: ClientName[] = ['request', 'piped', 'fetched', 'undiciRequest'];

function lost(client: ClientName, code: string): string[] {
  if (client === 'piped') return [`pipeline ${code}`];
  if (client === 'fetched') return [`fetch failed ${code}`];
  if (client === 'undiciRequest') return [code];
  return [
    `write 0 ${code}`,
    `write 1 ${code}`,
    `request error ${code}`,
    `socket error ${code}`,
    'request close undefined',
    'socket close true',
  ];
}

function found(client: ClientName, length: number, code: string): string[] {
  // As ever when an answer comes before the upload has ended.
  if (client === 'piped') return ['response 413', `body ${length}`, 'pipeline ERR_STREAM_PREMATURE_CLOSE'];
  if (client !== 'request') return ['response 413', `body ${length}`];
  return [
    'response 413',
    `response end ${length}, complete`,
    'response close undefined',
    'request close undefined',
    'socket close false',
    `write 0 ${code}`,
    `write 1 ${code}`,
  ];
}

const COMBINATIONS = CLIENTS.flatMap((client) =>
  WAYS.flatMap((how) => [false, true].map((tls) => ({ client, how, tls }))),
);

describe('as Node is', () => {
  let host: ClientHost;
  beforeAll(async () => {
    host = await ClientHost.start();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  test.each(COMBINATIONS)('%o: the answer is lost', async ({ client, how, tls }) => {
    expect(await host.visit(client, { answer: WHOLE, how, ...uploaded(tls) })).toEqual(lost(client, CODES[how]));
  });
});

describe.each([
  ['with the addon', { execArgv: REGISTER_CLIENTS }],
  ['with the streams engine', { execArgv: [...REGISTER_CLIENTS, ...STREAMS_ENGINE] }],
  ['in a Worker', { execArgv: REGISTER_CLIENTS, args: ['worker'] }],
])('%s', (name, options) => {
  let host: ClientHost;
  beforeAll(async () => {
    host = await ClientHost.start(options);
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const answers = Object.entries(ANSWERS).slice(0, name === 'with the addon' ? undefined : 1);
  describe.each(answers)('an answer %s', (_name, answer) => {
    const length = answer.includes('large\n') ? 6 : 0;

    test.each(COMBINATIONS)('%o: nothing is lost', async ({ client, how, tls }) => {
      const log = await host.visit(client, { answer, how, ...uploaded(tls) });
      // Whether a socket that is being destroyed still says 'end' is a matter of the version of Node.
      expect(log.filter((line) => !line.startsWith('socket end'))).toEqual(found(client, length, CODES[how]));
    });
  });
});
