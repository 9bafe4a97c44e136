// Modules of Node.js that most processes never need. They are loaded at their first use, because an import of
// node:cluster, say, loads node:child_process and node:dgram too.

import nodeModule from 'node:module';

interface Modules {
  'node:cluster': typeof import('node:cluster').default;
  'node:http': typeof import('node:http');
  'node:https': typeof import('node:https');
  'node:worker_threads': typeof import('node:worker_threads');
}

/** @throws where this Node.js was built without the module */
export function builtin<Id extends keyof Modules>(id: Id): Modules[Id] {
  // Node.js has the first one from 20.16 on, but not in 21, nor in 22.0 to 22.2.
  const load = process.getBuiltinModule ?? nodeModule.createRequire(process.execPath);
  return load(id) as unknown as Modules[Id];
}

let mainThread: boolean | undefined;

/** Whether this is no Worker. */
export function isMainThread(): boolean {
  mainThread ??= builtin('node:worker_threads').isMainThread;
  return mainThread;
}
