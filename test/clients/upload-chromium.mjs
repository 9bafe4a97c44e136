// node upload-chromium.mjs <url> <count> <disk|memory>: sends a form with a file of 5 MB so often, and prints what the page showed each time, one a line.
import { launch, upload } from './chromium.mjs';

const [url, count, where] = process.argv.slice(2);
const browser = await launch();
const context = await browser.newContext({ ignoreHTTPSErrors: true });
let page = await context.newPage();
for (let i = 0; i < Number(count); i++) {
  try {
    await upload(page, url, where);
    console.log(
      await page.evaluate(() => `${parseInt(document.title, 10)} ${performance.getEntriesByType('navigation')[0].decodedBodySize}`),
    );
  } catch (error) {
    console.log(error.message.match(/net::\w+/)?.[0] ?? error.message.split('\n', 1)[0]);
    // Its error page is still on the way when the navigation has failed, and would break off the next one.
    await page.close();
    page = await context.newPage();
  }
}
await browser.close();
