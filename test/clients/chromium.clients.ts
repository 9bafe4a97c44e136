// Headless Chromium, by playwright-core: the page shows the 413. In clear it reads on after a failed write, and finds the answer even behind a reset as long as that
// comes last; over TLS it does so only where the answer had been taken off the socket before.
import { CHROMIUM, CHROMIUM_WITH_SCRIPT } from '../support/clients.ts';
import { serve, testUploads } from '../support/upload-tests.ts';

testUploads([CHROMIUM], [{ name: 'http', open: (closing) => serve('http', closing) }]);
testUploads([CHROMIUM_WITH_SCRIPT], [{ name: 'https', open: (closing) => serve('https', closing) }]);
