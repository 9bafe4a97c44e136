// A reading: one fact that the doctor has found, and its meaning.

export interface Reading {
  name: string;
  /** For programs; null where it is not available. */
  value: string | number | object | null;
  /** For people, where the value itself is not easy to read. */
  text?: string;
  /** One line. Where the value is not available: why. */
  meaning: string;
}

export function notAvailable(name: string, why: string | undefined): Reading {
  return { name, value: null, meaning: `not available here: ${why}` };
}

export function valuesOf(readings: Reading[]): Record<string, Reading['value']> {
  return Object.fromEntries(readings.map((reading) => [keyOf(reading), reading.value]));
}

/** For each reading that is not available: why. */
export function reasonsOf(readings: Reading[]): Record<string, string> {
  return Object.fromEntries(
    readings.filter(({ value }) => value === null).map((reading) => [keyOf(reading), reading.meaning]),
  );
}

function keyOf({ name }: Reading): string {
  return name.replaceAll(' ', '_');
}
