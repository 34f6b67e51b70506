/**
 * What the SDK remembers in the headers of a message about its failed attempts, so that it survives restarts and is
 * seen by everybody: how many, and what the last ten ended with.
 */
import { PolymqError } from '../errors.ts';
import { describeError } from '../lib/describe.ts';
import { HEADER } from './headers.ts';
import type { Interceptor } from './interceptor.ts';
import type { AttemptError } from './message.ts';

type Headers = Readonly<Record<string, string>>;

const ERRORS_MAX = 10;
const TEXT_CHARS_MAX = 500;

/** A count in a header; what others wrote there that is none counts as 0. */
export function countIn(headers: Headers, name: string): number {
  const text = headers[name];
  if (text === undefined) return 0;
  const count = Number(text);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/**
 * How much of the errors of attempts stands in the headers of a message, and of its dead letter, where everybody who may look at the engine
 * can read it. `full`: name and text. `code`: the name, and the code if it has one; texts that are given to `nack` and `reject` are stored
 * as they are.
 */
export type StoredErrors = 'full' | 'code';

/** What the user says, or else what fits to the interceptors. */
export function storedErrorsOf(
  asked: StoredErrors | undefined,
  interceptors: readonly Interceptor[],
  place: string,
): StoredErrors {
  if (asked === undefined) {
    return interceptors.some(({ hidesData }) => hidesData === true) ? 'code' : 'full';
  }
  if (asked === 'full' || asked === 'code') return asked;
  throw new PolymqError(
    'invalid-argument',
    `storedErrors of ${place} is ${JSON.stringify(asked)}; give 'full' or 'code'`,
  );
}

/** They are thrown before the data can be read, so their texts cannot show any. */
const BLIND: ReadonlySet<unknown> = new Set(['decryption-failed', 'signature-invalid']);

/** What is to be stored of an error: the error, or a reduced one. */
export function storable(error: unknown, stored: StoredErrors): unknown {
  if (stored === 'full') return error;
  if (!(error instanceof Error)) return new ReducedError('Error', undefined, error);
  const { code } = error as { code?: unknown };
  if (error instanceof PolymqError && BLIND.has(code)) return error;
  return new ReducedError(error.name, code, error);
}

/** With the whole one as its cause, for those in this process. */
class ReducedError extends Error {
  constructor(name: string, code: unknown, cause: unknown) {
    const hasCode = typeof code === 'string' || typeof code === 'number';
    super(hasCode ? String(code) : 'text not stored', { cause });
    this.name = name;
  }
}

export function attemptError(error: unknown, nowMs: number): AttemptError {
  const { name, message } = describeError(error);
  return {
    at: nowMs,
    name: name.slice(0, TEXT_CHARS_MAX),
    message: message.slice(0, TEXT_CHARS_MAX),
  };
}

/** Newest first. */
export function errorsIn(headers: Headers): readonly AttemptError[] {
  const text = headers[HEADER.errors];
  if (text === undefined) return [];
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.filter(isAttemptError).slice(0, ERRORS_MAX) : [];
  } catch {
    return [];
  }
}

export function withError(errors: readonly AttemptError[], error: AttemptError): AttemptError[] {
  return [error, ...errors.slice(0, ERRORS_MAX - 1)];
}

function isAttemptError(value: unknown): value is AttemptError {
  if (typeof value !== 'object' || value === null) return false;
  const { at, name, message } = value as Record<string, unknown>;
  return typeof at === 'number' && typeof name === 'string' && typeof message === 'string';
}
