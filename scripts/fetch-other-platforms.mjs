// `npm run fetch:platforms`: fetches what the tests for other platforms need from npm and Debian and what is not yet
// there. The tests themselves then fetch nothing.
import { fetchMuslForArm64, fetchNodes } from './other-platforms.mjs';

fetchNodes();
fetchMuslForArm64();
