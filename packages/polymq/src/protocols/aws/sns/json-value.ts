/** Attributes whose values are JSON. */
import type { AwsError } from '../wire/aws-error.ts';
import { invalidParameter } from './errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object that the text is of. `name` is the attribute's, for the refusal. */
export function parseObject(name: string, text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error: unknown) {
    throw refused(name, error instanceof Error ? error.message : 'malformed');
  }
  if (!isObject(value)) throw refused(name, 'it must be an object');
  return value;
}

function refused(name: string, reason: string): AwsError {
  return invalidParameter(`${name}: failed to parse JSON. ${reason}`);
}
