// Checks of options that several public functions share. Each throws one of Node's own errors, which names the option.
import { invalidArgType, outOfRange } from './errors.ts';
import { warnOfSeconds } from './option-warnings.ts';

export function checkObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidArgType(name, 'of type object', value);
}

export function checkAbortSignal(name: string, value: unknown): void {
  if (value !== undefined && !isAbortSignal(value)) throw invalidArgType(name, 'an instance of AbortSignal', value);
}

export function checkLimit(name: string, value: unknown): void {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  // Written this way round for NaN, for which each comparison is false.
  if (!(value >= 0)) throw outOfRange(name, '>= 0', value);
}

/** A limit in milliseconds. */
export function checkTime(name: string, value: unknown): void {
  checkLimit(name, value);
  warnOfSeconds(name, value as number);
}

function isAbortSignal(value: unknown): value is AbortSignal {
  // By its shape, as Node does: the class may be that of another realm (a vm context, jsdom).
  if (typeof value !== 'object' || value === null || !('aborted' in value)) return false;
  const { addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return typeof addEventListener === 'function' && typeof removeEventListener === 'function';
}
