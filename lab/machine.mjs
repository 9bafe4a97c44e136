// The machine and the versions that figures were measured with.
import { readFileSync } from 'node:fs';
import os from 'node:os';

export function machine() {
  const [cpu] = os.cpus();
  return {
    cpu: cpu?.model.trim(),
    cores: os.cpus().length,
    memory: os.totalmem(),
    kernel: os.release(),
    arch: process.arch,
  };
}

export function versions() {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url)));
  return { 'lingering-close': version, 'Node.js': process.versions.node };
}

/** Two sentences for a document. The results may be of more than one version. */
export function describe(results) {
  const { cpu, cores, memory, kernel, arch } = results[0].machine;
  const names = Object.keys(results[0].versions).map((name) => {
    const all = new Set(results.map(({ versions }) => versions[name]));
    return `${name} ${[...all].sort().join(' and ')}`;
  });
  const system = `${cpu}, ${cores} cores, ${Math.round(memory / 2 ** 30)} GiB, Linux ${kernel} (${arch})`;
  return `Machine: ${system}. Versions: ${names.join(', ')}.`;
}
