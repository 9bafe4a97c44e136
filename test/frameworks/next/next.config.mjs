import { dirname } from 'node:path';

const folder = dirname(import.meta.dirname);
export default { outputFileTracingRoot: folder, turbopack: { root: folder } };
