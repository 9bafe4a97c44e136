// The examples of a document, as files in a folder that has the package as an ordinary dependency.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './project.ts';

export interface Example {
  name: string | undefined;
  code: string;
  /** What the `console.log(...); // like this` lines promise. */
  promised: string[];
}

/** A comment before the block gives the name: <!-- example: name --> */
export function examplesOf(document: string): Example[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/(?:<!-- example: (\S+) -->\n)?```(?:js|ts)\n([\s\S]*?)```/g)].map(
    ([, name, code = '']) => ({
      name,
      code,
      promised: [...code.matchAll(/console\.log\(.*\);? \/\/ (.+)$/gm)].map(([, text = '']) => text),
    }),
  );
}

export class ExampleFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'lingering-close-examples-'));

  /** `packages`: what the examples import besides this package. */
  constructor(examples: Example[], packages: string[]) {
    const modules = join(this.path, 'node_modules');
    mkdirSync(modules);
    symlinkSync(root, join(modules, 'lingering-close'));
    for (const name of packages) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
    writeFileSync(join(this.path, 'package.json'), '{ "private": true, "type": "module" }');
    for (const { name, code } of examples) writeFileSync(this.fileOf(name), code);
  }

  fileOf(name: string | undefined): string {
    return join(this.path, `${name}.mjs`);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}
