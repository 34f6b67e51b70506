/**
 * What the SDK remembers in the headers of a message about its failed attempts, so that it survives restarts and is
 * seen by everybody: how many, and what the last ten ended with.
 */
import { describeError } from '../lib/describe.ts';
import { HEADER } from './headers.ts';
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
