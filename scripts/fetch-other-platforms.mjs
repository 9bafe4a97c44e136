// `npm run fetch:platforms`: all that the tests for other platforms take from npm and from Debian and that is not installed, so that the tests fetch nothing.
import { fetchMuslForArm64, fetchNodes } from './other-platforms.mjs';

fetchNodes();
fetchMuslForArm64();
