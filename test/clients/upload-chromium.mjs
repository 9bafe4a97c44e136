// node upload-chromium.mjs <url> <count> <disk|memory>: sends a form with a file of 5 MB <count> times, and prints one
// line for each: what the page showed.
import { launch, upload } from './chromium.mjs';

const [url, count, where] = process.argv.slice(2);
const browser = await launch();
const page = await browser.newPage({ ignoreHTTPSErrors: true });
for (let i = 0; i < Number(count); i++) {
  try {
    await upload(page, url, where);
    console.log(
      await page.evaluate(
        () => `${parseInt(document.title, 10)} ${performance.getEntriesByType('navigation')[0].decodedBodySize}`,
      ),
    );
  } catch (error) {
    console.log(error.message.match(/net::\w+/)?.[0] ?? error.message.split('\n', 1)[0]);
    // The error page appears after the navigation has failed, and would interrupt the next navigation.
    await page.waitForURL('chrome-error://chromewebdata/');
  }
}
await browser.close();
