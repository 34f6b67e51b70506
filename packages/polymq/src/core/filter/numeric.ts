/** Comparisons of numbers: `["=", 5]`, `[">", 1]`, `[">=", 1, "<", 10]`. */
import { FilterPolicyError } from './filter-policy-error.ts';

type Compare = (value: number) => boolean;

const ONE_SIDED: Readonly<Record<string, (limit: number) => Compare>> = Object.freeze({
  __proto__: null as never,
  '=': (limit: number) => (value: number) => value === limit,
  '<': (limit: number) => (value: number) => value < limit,
  '<=': (limit: number) => (value: number) => value <= limit,
  '>': (limit: number) => (value: number) => value > limit,
  '>=': (limit: number) => (value: number) => value >= limit,
});

/** Throws `FilterPolicyError` in the words of AWS. */
export function compileNumeric(expression: unknown): Compare {
  if (!Array.isArray(expression)) throw new FilterPolicyError('Value of numeric must be an array.');
  const [operator, limit, ...rest] = expression as unknown[];
  if (typeof operator !== 'string') {
    throw new FilterPolicyError(`Invalid member in numeric match: ${tokenText(operator)}`);
  }
  const compare = ONE_SIDED[operator];
  if (compare === undefined) {
    throw new FilterPolicyError(`Unrecognized numeric range operator: ${operator}`);
  }
  const bottom = numberOf(limit, operator);
  if (rest.length === 0) return compare(bottom);
  if (!operator.startsWith('>')) {
    throw new FilterPolicyError('Too many elements in numeric expression');
  }
  const isAbove = compare(bottom);
  const isBelow = upperLimit(rest, bottom);
  return (value) => isAbove(value) && isBelow(value);
}

function upperLimit([operator, limit, ...rest]: unknown[], bottom: number): Compare {
  if (typeof operator !== 'string') {
    throw new FilterPolicyError(`Bad value in numeric range: ${tokenText(operator)}`);
  }
  if (operator !== '<' && operator !== '<=') {
    throw new FilterPolicyError(`Bad numeric range operator: ${operator}`);
  }
  const top = numberOf(limit, operator);
  if (rest.length > 0) {
    throw new FilterPolicyError('Too many terms in numeric range expression');
  }
  if (top <= bottom) throw new FilterPolicyError('Bottom must be less than top');
  return ONE_SIDED[operator]!(top);
}

function numberOf(value: unknown, operator: string): number {
  if (typeof value === 'number') return value;
  const name = operator === '=' ? 'equals' : operator;
  throw new FilterPolicyError(`Value of ${name} must be numeric`);
}

/** What a reader of JSON sees there. */
function tokenText(value: unknown): string {
  if (value === undefined) return ']';
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? '[' : '{';
}
