// Headless Chromium, driven by playwright-core: the page shows the 413. Over http Chromium reads on after a failed
// write. It finds the answer even after a reset, if the reset comes last. Over TLS it finds the answer only if it had
// read it before.
import { CHROMIUM, CHROMIUM_WITH_SCRIPT } from '../support/clients.ts';
import { serve, testUploads } from '../support/upload-tests.ts';

testUploads([CHROMIUM], [{ name: 'http', open: (closing) => serve('http', closing) }]);
testUploads([CHROMIUM_WITH_SCRIPT], [{ name: 'https', open: (closing) => serve('https', closing) }]);
