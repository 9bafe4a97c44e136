// Samples by several keys, in nested objects that come into being as they are wanted.

/** The array at the end of the keys, for the next sample. */
export function samplesAt(root, ...keys) {
  let at = root;
  for (const [i, key] of keys.entries()) {
    if (at[key] === undefined) at[key] = i === keys.length - 1 ? [] : {};
    at = at[key];
  }
  return at;
}
