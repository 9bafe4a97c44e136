// node upload-fetch.mjs <url> <count> [length|chunked]: uploads 5 MB <count> times, and prints one line for each: what
// the upload got.
const [url, count, framing] = process.argv.slice(2);
const body = Buffer.alloc(5 << 20);
const options = () => (framing === 'chunked' ? { body: new Blob([body]).stream(), duplex: 'half' } : { body });
for (let i = 0; i < Number(count); i++) {
  try {
    const response = await fetch(url, { method: 'POST', ...options() });
    console.log(response.status, (await response.text()).length);
  } catch (error) {
    console.log(error.cause?.code ?? error.message);
  }
}
