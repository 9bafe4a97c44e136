// Numbers the lines of a file, or of standard input: `node examples/cli.mjs big.log | head -1`. When `head` has read
// enough, SIGPIPE ends this process, as it ends `cat`, and the shell sees status 141.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { exitOnBrokenPipe } from 'lingering-close';

exitOnBrokenPipe();

const [file] = process.argv.slice(2);
const lines = createInterface({ input: file === undefined ? process.stdin : createReadStream(file) });

let number = 0;
lines.on('line', (line) => console.log(`${++number}\t${line}`));
lines.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
