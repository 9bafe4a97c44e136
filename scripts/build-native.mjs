// Builds the addon into build/Release.
import { spawnSync } from 'node:child_process';
import { buildEnvironment, nodeGyp, requireTools } from './toolchain.mjs';

requireTools();
const args = [nodeGyp, 'rebuild', '--loglevel=warn', '--jobs=max', ...process.argv.slice(2)];
const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit', env: buildEnvironment() });
if (error) throw error;
process.exit(status ?? 1);
