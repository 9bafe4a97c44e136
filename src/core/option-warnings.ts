// What is probably a mistake of the caller, and no reason to fail: a process warning, once.
//
// An unknown option is no error. The same object may serve several functions. An application may write it for a newer
// version, and another copy of the package serves the call, which is older (src/socket/copies.ts). And `choose` is
// called in the middle of a close, where no code could handle an error.

import { nearestName } from './nearest-name.ts';

const warned = new Set<string>();

function warnOnce(key: string, code: string, message: string): void {
  if (warned.has(key)) return;
  warned.add(key);
  try {
    process.emitWarning(message, { type: 'LingeringCloseWarning', code });
  } catch {
    // An application may have put a function of its own there, and no call may fail because of a warning.
  }
}

/**
 * Tells of the properties of `options` that are no option, once for each name.
 *
 * @param caller completes "is no option of ..."
 * @param known what the options were read into: its names are those of all options
 */
export function warnOfUnknownOptions(caller: string, options: object | undefined, known: object): void {
  if (!options) return;
  for (const name of namesOf(options)) {
    if (Object.hasOwn(known, name)) continue;
    const names = Object.keys(known);
    const nearest = nearestName(name, names);
    const remedy = nearest ? `did you mean "${nearest}"?` : `its options are ${names.join(', ')}`;
    warnOnce(
      `${caller} ${name}`,
      'LINGERING_CLOSE_OPTION',
      `"${name}" is no option of ${caller} and has no effect: ${remedy}`,
    );
  }
}

/** None of what refuses to be listed: a Proxy may throw. */
function namesOf(options: object): string[] {
  try {
    return Object.keys(options);
  } catch {
    return [];
  }
}

// Less than many round trips take, and so of no use as a limit.
const SHORTEST = 100;

/** Once in a process: a time that is so short that seconds were meant. */
export function warnOfSeconds(name: string, milliseconds: number): void {
  if (!(milliseconds > 0 && milliseconds < SHORTEST)) return;
  warnOnce(
    'milliseconds',
    'LINGERING_CLOSE_UNIT',
    `"${name}" is ${milliseconds} milliseconds. Were seconds meant? Then write ${milliseconds * 1_000}`,
  );
}

// More than eight minutes: no application waits so long for a close, and TCP itself gives up after some 15.
const LONGEST = 500;

/** Once in a process: seconds of SO_LINGER that are so many that milliseconds were meant. */
export function warnOfMilliseconds(name: string, seconds: number): void {
  if (seconds < LONGEST) return;
  warnOnce(
    'seconds',
    'LINGERING_CLOSE_UNIT',
    `"${name}" is ${seconds} seconds. Were milliseconds meant? Then write ${Math.ceil(seconds / 1_000)}`,
  );
}
