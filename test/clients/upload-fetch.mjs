// node upload-fetch.mjs <url> <count>: uploads 5 MB so often, and prints what each upload got, one a line.
const [url, count] = process.argv.slice(2);
const body = Buffer.alloc(5 << 20);
for (let i = 0; i < Number(count); i++) {
  try {
    const response = await fetch(url, { method: 'POST', body });
    console.log(response.status, (await response.text()).length);
  } catch (error) {
    console.log(error.cause?.code ?? error.message);
  }
}
