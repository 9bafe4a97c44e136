// Child processes: servers that print their port, and clients that print JSON when they are done.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** All running children. They are killed when this process ends, in whatever way it ends. */
const running = new Set();
const daemons = new WeakSet();
process.on('exit', () => {
  // SIGKILL would leave the workers of a daemon running.
  for (const child of running) child.kill(daemons.has(child) ? 'SIGTERM' : 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

function start(command, args, options) {
  const child = spawn(command, args, options);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Runs a program to its end, and parses its output as JSON. */
export async function runJson(command, args) {
  return JSON.parse(await runText(command, args));
}

export async function runText(command, args) {
  const child = start(command, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${signal ?? code}`);
  return output;
}

/** A program that answers each line on its standard input with a line of JSON. `exit`: its exit code or signal. */
export function startAnswering(command, args, { env = {} } = {}) {
  const child = start(command, args.map(String), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines = readLines(child);
  // The program may end before it has read a line. ask() then reports that there is no answer.
  child.stdin.on('error', () => {});
  const exit = once(child, 'exit').then(([code, signal]) => signal ?? code);
  const ask = async (line) => {
    child.stdin.write(`${line}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command} ${args.join(' ')} ended without an answer to "${line}": ${await exit}`);
    return JSON.parse(value);
  };
  return { pid: child.pid, ask, exit, kill: (signal) => child.kill(signal), stop: () => stop(child) };
}

/** A server that prints its port as its first line. `command`: the program and its arguments. */
export async function startServer(command, { env = {} } = {}) {
  const words = command.map(String);
  const child = start(words[0], words.slice(1), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines = readLines(child);
  const { value } = await lines.next();
  if (!value) throw new Error(`${words.join(' ')} did not print its port`);
  const ask = async (line) => {
    child.stdin.write(`${line}\n`);
    return JSON.parse((await lines.next()).value);
  };
  return { pid: child.pid, port: Number(value), ask, stop: (signal, patience) => stop(child, signal, patience) };
}

/** A daemon whose port is in a configuration file. It is ready when it accepts a connection. */
export async function startDaemon(command, args, port) {
  const child = start(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  daemons.add(child);
  let said = '';
  child.stderr.on('data', (chunk) => {
    said = (said + chunk).slice(-2_000);
  });
  let over = false;
  child.once('exit', () => {
    over = true;
  });
  for (let i = 0; i < 200 && !over; i++) {
    if (await accepts(port)) return { pid: child.pid, port, stop: () => stop(child, 'SIGTERM') };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGKILL');
  throw new Error(`${command} does not listen: ${said}`);
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function stop(child, signal = 'SIGKILL', patience = 3_000) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  // Some daemons first wait for their last connections.
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  await gone;
  clearTimeout(timer);
}

async function* readLines(child) {
  let rest = '';
  for await (const chunk of child.stdout) {
    rest += chunk;
    const lines = rest.split('\n');
    rest = lines.pop();
    yield* lines;
  }
}
