// Headless Chromium does what its user does: chooses a file of 5 MB in a form, and sends the form.
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const SIZE = 5 << 20;
const FLAGS = [
  'no-sandbox',
  'disable-gpu',
  'disable-quic',
  'no-first-run',
  'disable-background-networking',
  'disable-component-update',
  'disable-sync',
];

/** Headless, with a fresh profile that is deleted with the browser. */
export function launch() {
  return chromium.launch({ executablePath: find('chromium'), args: FLAGS.map((flag) => `--${flag}`) });
}

/**
 * Sends the form at `url`. The file comes from the disk, or a script of the page makes it (as when a page shrinks a
 * picture).
 */
export async function upload(page, url, where) {
  await page.goto(url);
  if (where === 'memory') await page.evaluate(makeFile, SIZE);
  else await page.setInputFiles('input', diskFile());
  // Where an error page is shown, this rejects with Chromium's name of the error.
  await Promise.all([page.waitForNavigation(), page.evaluate(() => document.forms[0].requestSubmit())]);
}

function makeFile(size) {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(size)], 'picture.jpg'));
  document.querySelector('input').files = transfer.files;
}

let file;

function diskFile() {
  if (file) return file;
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  file = join(folder, 'picture.jpg');
  writeFileSync(file, Buffer.alloc(SIZE));
  return file;
}

function find(command) {
  for (const folder of process.env.PATH.split(delimiter)) {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return join(folder, command);
    } catch {}
  }
  throw new Error(`${command} is not installed`);
}
