// Headless Chromium, by playwright-core: the page shows the 413.
import { CHROMIUM } from '../support/clients.ts';
import { serve, testUploads } from '../support/upload-tests.ts';

testUploads(
  [CHROMIUM],
  [
    { name: 'http', open: (closing) => serve('http', closing) },
    { name: 'https', open: (closing) => serve('https', closing) },
  ],
);
