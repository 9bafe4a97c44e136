// The tests of the clients' suite: the same uploads to a plain Node server, and to a server that lingers.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClientFolder, type Tally, UPLOADS } from './client-folder.ts';
import type { Client } from './clients.ts';
import { Fixture } from './fixture.ts';

export type Closing = 'plain' | 'lingering';

/** A route to a server. */
export interface Route {
  name: string;
  open(closing: Closing): Promise<OpenRoute>;
  /** The same answer from another server, to compare with. */
  beside?(): Promise<OpenRoute>;
}

export interface OpenRoute extends AsyncDisposable {
  url: string;
  /** Called after the uploads: other faults on the way. The list must be empty. */
  complaints?(): Promise<string[]>;
}

/** A row of the table that the suite prints: see clients-reporter.ts. */
export interface Row {
  client: string;
  route: string;
  framing: string;
  plain: Tally;
  lingering: Tally;
  beside?: Tally;
}

declare module 'vitest' {
  interface TaskMeta {
    row?: Row;
  }
}

/** The server: see test/fixtures/clients/clients-server.mjs. */
export async function serve(protocol: 'http' | 'https' | 'http2' | 'http2-clear', closing: Closing) {
  const fixture = new Fixture<{ port: number }>('clients/clients-server', { args: [protocol, closing] });
  const { port } = await fixture.next();
  const scheme = protocol === 'https' || protocol === 'http2' ? 'https' : 'http';
  return { port, url: `${scheme}://127.0.0.1:${port}/`, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
}

/**
 * One test for each framing of each client on each route.
 * @param needed a program that is needed besides the clients, if it is missing
 */
export function testUploads(clients: Client[], routes: Route[], needed?: string): void {
  let folder: ClientFolder;
  beforeAll(async () => {
    folder = await ClientFolder.make(clients);
  });
  afterAll(() => folder[Symbol.dispose]());

  const uploads = async (client: Client, route: Route, framing: string, closing: Closing) => {
    await using open = await route.open(closing);
    const tally = await folder.upload(client, framing, open.url);
    return { tally, complaints: await open.complaints?.() };
  };

  const uploadsBeside = async (client: Client, open: () => Promise<OpenRoute>, framing: string) => {
    await using server = await open();
    return await folder.upload(client, framing, server.url);
  };

  for (const client of clients) {
    const missing = client.version === undefined ? client.name : needed;
    for (const route of routes) {
      for (const [framing, title] of Object.entries(client.framings)) {
        // In CI a missing client is a failure.
        const skipped = missing !== undefined && !process.env['CI'];
        const notes = [client.lacks, skipped && `skipped: ${missing} is not installed`]
          .filter(Boolean)
          .map((note) => ` [${note}]`);
        const name =
          `${client.name}, ${route.name}, ${title}: ` +
          `${UPLOADS} of ${UPLOADS} uploads get their 413${notes.join('')}`;
        test.skipIf(skipped)(name, async ({ task }) => {
          if (missing) throw new Error(`${missing} is not installed`);
          const plain = await uploads(client, route, framing, 'plain');
          const lingering = await uploads(client, route, framing, 'lingering');
          const beside = route.beside && (await uploadsBeside(client, route.beside, framing));
          task.meta.row = {
            client: `${client.name} ${client.version}`,
            route: route.name,
            framing: title,
            plain: plain.tally,
            lingering: lingering.tally,
            ...(beside && { beside }),
          };
          expect(lingering.tally).toEqual({ answered: UPLOADS, rest: {} });
          expect(lingering.complaints ?? []).toEqual([]);
          const loss = client.loses?.[`${route.name} ${framing}`];
          if (loss) expect(Object.keys(plain.tally.rest)).toContain(loss);
        });
      }
    }
  }
}
