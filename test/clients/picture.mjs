// node test/clients/picture.mjs makes docs/chromium-413.png: what Chromium shows after a refused upload. Left: Node as
// it is. Right: lingerOnClose.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { launch, upload } from './chromium.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
/** The outcome is a race: about one upload in three to plain Node ends in a reset. */
const ATTEMPTS = 50;
const viewport = { width: 560, height: 420 };

const browser = await launch();
try {
  const left = await photograph('plain', /^net::ERR_CONNECTION_RESET$/);
  const right = await photograph('lingering', /^413 /);
  await compose(left, right);
} finally {
  await browser.close();
}

/** The page after the first upload whose outcome matches `wanted`. */
async function photograph(closing, wanted) {
  const server = fork(path('../fixtures/clients/clients-server.mjs'), ['https', closing]);
  try {
    const [{ port }] = await once(server, 'message');
    for (let i = 0; i < ATTEMPTS; i++) {
      const page = await browser.newPage({ ignoreHTTPSErrors: true, viewport });
      if (wanted.test(await outcome(page, `https://127.0.0.1:${port}/`))) return await page.screenshot();
      await page.close();
    }
    throw new Error(`none of ${ATTEMPTS} uploads to the '${closing}' server ended as ${wanted}`);
  } finally {
    server.kill();
  }
}

async function outcome(page, url) {
  try {
    await upload(page, url, 'memory');
  } catch (error) {
    const name = error.message.match(/net::\w+/)?.[0] ?? error.message;
    // The error page appears after the navigation has failed.
    await page.waitForSelector('#main-message');
    return name;
  }
  return page.title();
}

async function compose(left, right) {
  const page = await browser.newPage({ viewport: { width: 2 * viewport.width + 60, height: viewport.height + 80 } });
  const figure = (title, image) =>
    `<figure><figcaption>${title}</figcaption><img src="data:image/png;base64,${image.toString('base64')}"></figure>`;
  await page.setContent(`<style>
    body { margin: 20px; display: flex; gap: 20px; font: 18px sans-serif; background: #fff }
    figure { margin: 0 } figcaption { margin-bottom: 12px } img { display: block; outline: 1px solid #999 }
    </style>
    ${figure('Node.js as it is', left)}
    ${figure('the same server after <code>lingerOnClose(server)</code>', right)}`);
  await page.screenshot({ path: path('../../docs/chromium-413.png') });
}
