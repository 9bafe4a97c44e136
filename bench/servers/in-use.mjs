// Bytes that this process has allocated and not freed, in JavaScript's heap and by malloc. For a few megabytes resident
// memory is less exact: both keep free pages and use them again.

/** Resolves with a function that returns `{ bytes }`, or `{ reason }` when koffi or mallinfo2(3) is missing. */
export async function inUseReader() {
  try {
    const { default: koffi } = await import('koffi');
    const fields = [
      'arena',
      'ordblks',
      'smblks',
      'hblks',
      'hblkhd',
      'usmblks',
      'fsmblks',
      'uordblks',
      'fordblks',
      'keepcost',
    ];
    const type = koffi.struct(Object.fromEntries(fields.map((field) => [field, 'size_t'])));
    const mallinfo2 = koffi.load(null).func('mallinfo2', type, []);
    return () => {
      const { uordblks, hblkhd } = mallinfo2();
      return { bytes: process.memoryUsage().heapUsed + Number(uordblks) + Number(hblkhd) };
    };
  } catch ({ message }) {
    return () => ({ reason: message.split('\n', 1)[0] });
  }
}
