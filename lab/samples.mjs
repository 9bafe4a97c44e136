// Samples in nested objects, which are created when they are first used.

/** The array at the end of the path `keys`. */
export function samplesAt(root, ...keys) {
  let at = root;
  for (const [i, key] of keys.entries()) {
    if (at[key] === undefined) at[key] = i === keys.length - 1 ? [] : {};
    at = at[key];
  }
  return at;
}
