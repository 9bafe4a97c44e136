// The processors that this process may use, and a command that keeps a program on one of them.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Their numbers. The kernel writes `0-3,8`. */
export const processors = /^Cpus_allowed_list:\s*(\S+)/m
  .exec(readFileSync('/proc/self/status', 'utf8'))[1]
  .split(',')
  .flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });

export const canPin = !spawnSync('taskset', ['-V']).error;

/** A command to put in front of another command. */
export const on = (processor) => ['taskset', '-c', String(processor)];
