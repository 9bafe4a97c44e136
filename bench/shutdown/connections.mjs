// What it costs to close many idle connections: `node bench/shutdown/connections.mjs [runs]`. Needs two descriptors a
// connection.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const [runs = 3] = process.argv.slice(2).map(Number);

async function measure(how, count) {
  const server = fork(file('connections-server.mjs'), [how]);
  const [port] = await once(server, 'message');
  const client = spawn('python3', [file('connections-client.py'), port, count], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(client.stdout, 'data');
  // Idle for longer than `settle`.
  await setTimeout(500);
  server.send('close');
  const [figures] = await once(server, 'message');
  client.kill();
  if (server.exitCode === null) await once(server, 'exit');
  return figures;
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

for (const count of [1_000, 9_000, 15_000]) {
  const figures = { close: [], closeServer: [] };
  // In pairs, so that both have the same machine.
  for (let run = 0; run < runs; run++)
    for (const how of Object.keys(figures)) figures[how].push(await measure(how, count));
  for (const [how, all] of Object.entries(figures)) {
    const of = (name) => median(all.map((one) => one[name])).toFixed(0);
    const cpu = `CPU ${of('cpu')} ms, of which ${of('main')} ms in the main thread`;
    console.log(`${count} ${how}: ${of('ms')} ms, ${cpu}, longest turn ${of('longestTurn')} ms`);
  }
}
