// Headless Chromium, and what its user does: to choose a file of 5 MB in a form, and to send it.
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

/** Headless, and with a fresh profile, which goes with the browser. */
export function launch() {
  return chromium.launch({ executablePath: find('chromium'), args: FLAGS.map((flag) => `--${flag}`) });
}

/** Sends the form at `url` with a file that a form can have from the disk, or from a script of its page, as a picture is that was made smaller. */
export async function upload(page, url, where) {
  await page.goto(url);
  if (where === 'memory') await page.evaluate(makeFile, SIZE);
  else await page.setInputFiles('input', diskFile());
  // Rejects with Chromium's name of the error, where an error page is shown.
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
