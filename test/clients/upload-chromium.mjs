// node upload-chromium.mjs <url> <count> <disk|memory>: sends a form with a file of 5 MB so often, and prints what the page showed each time, one a line.
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
    // The error page comes behind the failure of the navigation, and would break off the next one.
    await page.waitForURL('chrome-error://chromewebdata/');
  }
}
await browser.close();
