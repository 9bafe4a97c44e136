// The options of lingering-close/register are environment variables: there is no code in which they could stand.
import { codedError } from '../core/errors.ts';
import { parseMaxLingering } from '../system/open-file-limit.ts';
import type { LingerOnCloseOptions } from './linger-on-close-options.ts';
import { checkServerOptions } from './linger-on-close-options.ts';

const PREFIX = 'LINGERING_CLOSE_';
/** Read by the loader of the addon, and no option. */
const FOREIGN = `${PREFIX}PREBUILD`;
/**
 * What Kubernetes sets in each pod for a Service, and Docker in a container for a link, whose name begins with
 * `lingering-close`.
 */
const OF_SERVICE = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_[A-Z]+(_(PROTO|PORT|ADDR))?)?|NAME|ENV_\w+)$/;

interface Variable {
  option: keyof LingerOnCloseOptions;
  /** Completes "must be ...". */
  wanted: string;
  parse(text: string): unknown;
}

function oneOf(option: keyof LingerOnCloseOptions, ...words: string[]): Variable {
  return { option, wanted: `one of ${words.join(', ')}`, parse: (text) => (words.includes(text) ? text : undefined) };
}

function amount(option: keyof LingerOnCloseOptions, unit: string, parse = parseNumber): Variable {
  return { option, wanted: `${unit}, >= 0 or Infinity`, parse };
}

function parseNumber(text: string): number | undefined {
  return /^\d+(\.\d+)?$|^Infinity$/.test(text) ? Number(text) : undefined;
}

function trueOrFalse(option: keyof LingerOnCloseOptions): Variable {
  return {
    option,
    wanted: 'one of true, false',
    parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  };
}

/** Not a plain object, which has a `constructor` too. */
const VARIABLES = new Map<string, Variable>([
  ['WHEN', oneOf('when', 'needed', 'always')],
  ['MODE', oneOf('mode', 'linger', 'drain', 'reset')],
  ['UNTIL', oneOf('until', 'eof', 'delivered')],
  ['IDLE_TIMEOUT', amount('idleTimeout', 'milliseconds')],
  ['TIMEOUT', amount('timeout', 'milliseconds')],
  ['MIN_RATE', amount('minRate', 'bytes a second')],
  ['MAX_BYTES', amount('maxBytes', 'bytes')],
  ['MAX_LINGERING', amount('maxLingering', 'an integer number of connections', parseMaxLingering)],
  ['REF', trueOrFalse('ref')],
  ['READ_BEFORE_IDLE_CLOSE', trueOrFalse('readBeforeIdleClose')],
]);

/**
 * Reads options of {@link lingerOnClose} from the variables `LINGERING_CLOSE_*`. An empty variable counts as not set.
 * @throws `ERR_INVALID_ARG_VALUE` for an invalid value, and for a name with this prefix that is not known
 */
export function readEnvironment(env: NodeJS.ProcessEnv): LingerOnCloseOptions {
  const options: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || name === FOREIGN || OF_SERVICE.test(name) || !text) continue;
    const variable = VARIABLES.get(name.slice(PREFIX.length));
    if (!variable)
      throw invalidVariable(
        name,
        `is not known. There are ${[...VARIABLES.keys()].map((key) => PREFIX + key).join(', ')}`,
      );
    const value = variable.parse(text);
    if (value === undefined) throw invalidVariable(name, `must be ${variable.wanted}. Received '${text}'`);
    options[variable.option] = value;
  }
  checkServerOptions(options, 'needed');
  return options;
}

function invalidVariable(name: string, what: string): Error {
  return codedError(TypeError, 'ERR_INVALID_ARG_VALUE', `The environment variable ${name} ${what}`);
}
