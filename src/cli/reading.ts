// One thing that the doctor has looked at.

export interface Reading {
  name: string;
  /** For programs; null for what is not available here. */
  value: string | number | object | null;
  /** For people, where the value is not fit to be read. */
  text?: string;
  /** One line; for what is not available, why. */
  meaning: string;
}

export function notAvailable(name: string, why: string | undefined): Reading {
  return { name, value: null, meaning: `not available here: ${why}` };
}

export function valuesOf(readings: Reading[]): Record<string, Reading['value']> {
  return Object.fromEntries(readings.map((reading) => [keyOf(reading), reading.value]));
}

/** Of what is not available: why. */
export function reasonsOf(readings: Reading[]): Record<string, string> {
  return Object.fromEntries(
    readings.filter(({ value }) => value === null).map((reading) => [keyOf(reading), reading.meaning]),
  );
}

function keyOf({ name }: Reading): string {
  return name.replaceAll(' ', '_');
}
