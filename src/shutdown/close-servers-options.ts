// The options of closeServers: defaults, and the errors for what is not one.

import type { Server } from 'node:net';
import { invalidArgType } from '../core/errors.ts';
import { warnOfUnknownOptions } from '../core/option-warnings.ts';
import { validateServer } from '../server/server-kind.ts';
import type { CheckedCloseServerOptions, CloseServerOptions } from './close-server-options.ts';
import { checkCloseServerValues } from './close-server-options.ts';

/** The options of {@link closeServers}: those of {@link closeServer}, and which servers. */
export interface CloseServersOptions extends CloseServerOptions {
  /** These servers, in place of all that listen. Default: all that are found, see {@link closeServers}. */
  servers?: Iterable<Server> | undefined;
  /** Servers besides, that the package cannot find by itself. Default none. */
  also?: Iterable<Server> | undefined;
  /**
   * Servers that are closed behind the others: those of probes and metrics. They serve until the others are closed, and
   * have what is then left of the time. Default none.
   */
  last?: Iterable<Server> | undefined;
}

export interface CheckedCloseServersOptions extends CheckedCloseServerOptions {
  servers: Server[] | undefined;
  also: Server[];
  last: Server[];
}

/** Throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE`; warns of a name that is no option. */
export function checkCloseServersOptions(options: CloseServersOptions | undefined): CheckedCloseServersOptions {
  const checked = checkCloseServersValues(options);
  warnOfUnknownOptions('closeServers()', options, checked);
  return checked;
}

/** Does the same without the warning, for options that are more than these. */
export function checkCloseServersValues(options: CloseServersOptions = {}): CheckedCloseServersOptions {
  const checked = checkCloseServerValues(options);
  const { servers, also = [], last = [] } = options;
  return {
    ...checked,
    servers: servers === undefined ? undefined : checkServers('options.servers', servers),
    also: checkServers('options.also', also),
    last: checkServers('options.last', last),
  };
}

function checkServers(name: string, value: unknown): Server[] {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value))
    throw invalidArgType(name, 'an iterable of servers', value);
  const servers = [...(value as Iterable<unknown>)];
  servers.forEach((server, index) => {
    validateServer(server, `${name}[${index}]`);
  });
  return servers as Server[];
}
