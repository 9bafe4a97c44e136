// "Did you mean ...?"

/** The one of `names` that `name` is a misspelling of, if any. Case and separators do not count. */
export function nearestName(name: string, names: string[]): string | undefined {
  const written = plain(name);
  const ranked = names
    .map((known) => ({ known, distance: editDistance(written, plain(known)) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  if (best && best.distance <= Math.max(1, Math.floor(written.length / 3))) return best.known;
  // A part of it: `idle` for `idleTimeout`.
  const starts = names.filter((known) => written.length >= 3 && plain(known).startsWith(written));
  return starts.length === 1 ? starts[0] : undefined;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** How many letters have to be put in, taken out, replaced or swapped with the next one. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(beforeLast, j - 2) + 1 : Infinity;
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced, swapped));
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: number[], index: number): number {
  return row[index] as number;
}
