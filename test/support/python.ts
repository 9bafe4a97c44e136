// The interpreter itself: `python3` may be a script that searches for it, and that takes longer than a test.
import { spawnSync } from 'node:child_process';

export const python =
  spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).stdout?.trim() || 'python3';
