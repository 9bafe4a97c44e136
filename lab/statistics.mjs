// Several runs in one line: the median, and the least and greatest value as the spread.

/** `values` is an array by run. It may have holes, where a rival failed. */
export function summary(values) {
  const present = Object.values(values);
  const sorted = present.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), min: sorted[0], max: sorted.at(-1), values: present };
}

export function median(values) {
  return summary(values).median;
}

/** A quantile of sorted values, interpolated between two of them. */
export function quantile(sorted, q) {
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  return below + (above - below) * (position - Math.floor(position));
}

/** The median of the ratios of runs that were made side by side. A slow machine then slows both runs of a pair. */
export function pairedRatio(ours, theirs) {
  const both = Object.keys(ours).filter((run) => run in theirs);
  return summary(both.map((run) => ours[run] / theirs[run]));
}
