// The scripts of this folder, except those that run and report them.
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';

const OTHERS = ['run', 'report'];

/** The names of the scripts, sorted. */
export const scripts = readdirSync(new URL('..', import.meta.url))
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => basename(file, '.mjs'))
  .filter((name) => !OTHERS.includes(name))
  .toSorted();
