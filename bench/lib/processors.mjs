// The processors that this process may use, and how a program is kept on one of them.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Their numbers: the kernel writes `0-3,8`. */
export const processors = /^Cpus_allowed_list:\s*(\S+)/m
  .exec(readFileSync('/proc/self/status', 'utf8'))[1]
  .split(',')
  .flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });

export const canPin = !spawnSync('taskset', ['-V']).error;

/** In front of a command. */
export const on = (processor) => ['taskset', '-c', String(processor)];
