// Node 20 does not publish connections of https. Where a client does not use https.globalAgent, register-clients cannot
// meet them there, and the application gives its agent to deferWriteError (docs/clients-half.md).
import https from 'node:https';
import { deferWriteError } from '../../../dist/index.js';

const isRegistered = process.execArgv.includes('lingering-close/register-clients');

/** An agent for https where one is needed, else undefined: the client makes its own. */
export const httpsAgent =
  isRegistered && process.version < 'v22' ? deferWriteError(new https.Agent({ keepAlive: true })) : undefined;
