/**
 * What one key of a policy asks of its values: `["a", 1, null, {"prefix": "b"}, {"exists": false}]` is met if any
 * of them is. Values are compared with their type: "1" is not 1. The table of operators is at the end.
 */
import { FilterPolicyError } from './filter-policy-error.ts';
import { compileCidr, parseAddress, sameAddress } from './ip-address.ts';
import { compileNumeric } from './numeric.ts';
import { compileWildcard } from './wildcard.ts';

export type Scalar = string | number | boolean | null;

export type Pattern = (value: Scalar) => boolean;

/** What a key asks for. */
export interface Test {
  /** Values that are equal to one of these meet it … */
  readonly exact: ReadonlySet<unknown>;
  /** … or that one of these takes … */
  readonly patterns: readonly Pattern[];
  /** … or it is met when there is no value. */
  readonly absent: boolean;
}

/** Of lists inside `anything-but`, except exact values, which are looked up. */
const LIST_LENGTH_MAX = 150;
/** What the wildcard patterns of one key may weigh together: 1 for one `*`, 3 for more, times how many there are. */
const WILDCARD_POINTS_MAX = 100;

export function isMet({ exact, patterns }: Test, value: Scalar): boolean {
  if (exact.has(value)) return true;
  for (const pattern of patterns) if (pattern(value)) return true;
  return false;
}

export function readTest(values: readonly unknown[]): Test {
  if (values.length === 0) throw new FilterPolicyError('Empty arrays are not allowed');
  const exact = new Set<unknown>();
  const reading: Reading = { patterns: [], absent: false, wildcards: [] };
  for (const value of values) {
    if (Array.isArray(value)) {
      throw new FilterPolicyError('Match value must be String, number, true, false, or null');
    }
    if (typeof value === 'object' && value !== null) readExpression(value, reading);
    else {
      exact.add(value);
      addAddress(value, reading);
    }
  }
  checkWildcards(reading.wildcards);
  return { exact, patterns: reading.patterns, absent: reading.absent };
}

interface Reading {
  patterns: Pattern[];
  absent: boolean;
  /** How many `*` each wildcard pattern has. */
  wildcards: number[];
}

function readExpression(expression: object, reading: Reading): void {
  const { name, operand } = onlyEntry(expression, 'Match expression name not found');
  if (!Object.hasOwn(OPERATORS, name)) {
    throw new FilterPolicyError(`Unrecognized match type ${name}`);
  }
  OPERATORS[name]!(operand, reading);
}

function onlyEntry(expression: object, missing: string): { name: string; operand: unknown } {
  const entries = Object.entries(expression);
  if (entries.length === 0) throw new FilterPolicyError(missing);
  if (entries.length > 1) throw new FilterPolicyError('Only one key allowed in match expression');
  const [name, operand] = entries[0]!;
  return { name, operand };
}

/** The same IPv6 address can be written in many ways. */
function addAddress(value: unknown, { patterns }: Reading): void {
  if (typeof value !== 'string' || !value.includes(':')) return;
  const address = parseAddress(value);
  if (address === undefined) return;
  patterns.push((other) => typeof other === 'string' && sameAddress(address, parseAddress(other)));
}

function textOf(operand: unknown, operator: string): string {
  if (typeof operand === 'string') return operand;
  throw new FilterPolicyError(`${operator} match pattern must be a string`);
}

function onText(matches: (text: string) => boolean): Pattern {
  return (value) => typeof value === 'string' && matches(value);
}

function startsWith(prefix: string): Pattern {
  return onText((text) => text.startsWith(prefix));
}

function endsWith(suffix: string): Pattern {
  return onText((text) => text.endsWith(suffix));
}

function wildcard(pattern: string, { wildcards }: Reading): Pattern {
  const { count, matches } = compileWildcard(pattern);
  wildcards.push(count);
  return onText(matches);
}

function checkWildcards(wildcards: readonly number[]): void {
  let points = 0;
  for (const count of wildcards) points += count > 1 ? 3 : 1;
  if (points * wildcards.length > WILDCARD_POINTS_MAX) {
    throw new FilterPolicyError('Filter policy is too complex');
  }
}

/** `{"prefix": {"equals-ignore-case": "x"}}`. Lower case may have more characters than upper case has. */
function ignoringCase(
  operator: 'prefix' | 'suffix',
  operand: object,
  reading: Reading,
  make: (text: string) => Pattern,
): void {
  const missing = `${operator === 'prefix' ? 'Prefix' : 'Suffix'} expression name not found`;
  const { name, operand: inner } = onlyEntry(operand, missing);
  if (name !== 'equals-ignore-case') {
    throw new FilterPolicyError(`Unsupported ${operator} pattern: ${name}`);
  }
  const pattern = make(textOf(inner, name).toLowerCase());
  reading.patterns.push((value) => typeof value === 'string' && pattern(value.toLowerCase()));
}

function affix(operator: 'prefix' | 'suffix', make: (text: string) => Pattern) {
  return (operand: unknown, reading: Reading): void => {
    if (isObject(operand)) ignoringCase(operator, operand, reading, make);
    else reading.patterns.push(make(textOf(operand, operator)));
  };
}

/** Anything but what one of the patterns takes; there must be a value. */
function anythingBut(operand: unknown, reading: Reading): void {
  if (isObject(operand)) {
    const { name, operand: inner } = onlyEntry(operand, 'Anything-But expression name not found');
    const make = Object.hasOwn(EXCLUDED, name) ? EXCLUDED[name] : undefined;
    if (make === undefined) {
      throw new FilterPolicyError(`Unsupported anything-but pattern: ${name}`);
    }
    const texts = Array.isArray(inner) ? (inner as unknown[]) : [inner];
    if (texts.length === 0) throw new FilterPolicyError('Empty arrays are not allowed');
    if (texts.length > LIST_LENGTH_MAX) {
      throw new FilterPolicyError('Filter policy is too complex');
    }
    const excluded = texts.map((text) => make(textOf(text, name), reading));
    reading.patterns.push((value) => !excluded.some((pattern) => pattern(value)));
    return;
  }
  const values = new Set<unknown>(Array.isArray(operand) ? operand : [operand]);
  checkExcluded(operand);
  reading.patterns.push((value) => !values.has(value));
}

function checkExcluded(operand: unknown): void {
  if (!Array.isArray(operand)) {
    if (typeof operand === 'string' || typeof operand === 'number') return;
    throw new FilterPolicyError(
      'Value of anything-but must be an array or single string/number value.',
    );
  }
  const types = new Set(operand.map((value: unknown) => typeof value));
  if ([...types].some((type) => type !== 'string' && type !== 'number')) {
    throw new FilterPolicyError('Inside anything but list, start|null|boolean is not supported.');
  }
  if (types.size === 1) return;
  throw new FilterPolicyError(
    'Inside anything but list, either all values are number or string, mixed type is not supported',
  );
}

function notEmpty(text: string): string {
  if (text !== '') return text;
  throw new FilterPolicyError('Null prefix/suffix not allowed');
}

function equalsIgnoringCase(text: string): Pattern {
  const wanted = text.toLowerCase();
  return onText((value) => value.toLowerCase() === wanted);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What `anything-but` may exclude besides values. */
const EXCLUDED: Readonly<Record<string, (text: string, reading: Reading) => Pattern>> = {
  prefix: (text) => startsWith(notEmpty(text)),
  suffix: (text) => endsWith(notEmpty(text)),
  'equals-ignore-case': equalsIgnoringCase,
  wildcard,
};

const OPERATORS: Readonly<Record<string, (operand: unknown, reading: Reading) => void>> = {
  prefix: affix('prefix', startsWith),
  suffix: affix('suffix', endsWith),
  'equals-ignore-case': (operand, { patterns }) => {
    patterns.push(equalsIgnoringCase(textOf(operand, 'equals-ignore-case')));
  },
  wildcard: (operand, reading) => {
    reading.patterns.push(wildcard(textOf(operand, 'wildcard'), reading));
  },
  cidr: (operand, { patterns }) => {
    // AWS says "prefix" here too.
    patterns.push(onText(compileCidr(textOf(operand, 'prefix'))));
  },
  numeric: (operand, { patterns }) => {
    const compare = compileNumeric(operand);
    patterns.push((value) => typeof value === 'number' && compare(value));
  },
  exists: (operand, reading) => {
    if (operand === true) reading.patterns.push(() => true);
    else if (operand === false) reading.absent = true;
    else {
      throw new FilterPolicyError('exists match pattern must be either true or false.');
    }
  },
  'anything-but': anythingBut,
};
