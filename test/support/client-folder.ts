// A folder with what clients need: the certificate to trust, and the compiled clients.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uploadLines } from '../../src/cli/upload-lines.ts';
import { type Client, makeTrustStore } from './clients.ts';

export const UPLOADS = 50;
/** Of the other direction: each of the four kinds of body so often. */
export const EACH_WAY = 25;

/** The right status, and the whole page. */
const ANSWER = '413 1000';

/** Milliseconds without output of the client: a hundred times the time of an upload. */
const SILENCE = 30_000;

export interface Tally {
  answered: number;
  /** What the other uploads got, and how many of them. */
  rest: Record<string, number>;
}

export class ClientFolder implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  readonly #certificate = join(this.#folder, 'certificate.pem');

  static async make(clients: Client[]): Promise<ClientFolder> {
    const made = new ClientFolder();
    // The PEM file also contains the key, and keytool does not skip a key.
    const pem = readFileSync(new URL('../fixtures/localhost.pem', import.meta.url), 'utf8');
    writeFileSync(made.#certificate, pem.slice(pem.indexOf('-----BEGIN CERTIFICATE')));
    await makeTrustStore(made.#folder, made.#certificate);
    for (const client of clients) if (client.version) await client.build?.(made.#folder);
    return made;
  }

  /** Uploads one after the other, all by one process of the client. */
  async upload(client: Client, framing: string, url: string): Promise<Tally> {
    const tally: Tally = { answered: 0, rest: {} };
    const trust = ['SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS'].map(
      (name) => `${name}=${this.#certificate}`,
    );
    const program = [...client.program(this.#folder), url, String(UPLOADS), framing, ...(client.options ?? [])];
    // vitest sets NODE_OPTIONS for its own processes.
    await uploadLines(['env', '-u', 'NODE_OPTIONS', ...trust, ...program], UPLOADS, SILENCE, (result) => {
      if (result === ANSWER) tally.answered++;
      else tally.rest[result] = (tally.rest[result] ?? 0) + 1;
    });
    return tally;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}
