/** Rules for inputs that hold on both wires. */
import { AwsError } from './aws-error.ts';

/** Entries of one list or map. AWS has lower limits of its own, which handlers check. */
export const ENTRIES_MAX = 1000;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** With or without padding, as decoders have it. */
export function isBase64(text: string): boolean {
  return BASE64.test(text);
}

/** How a service names the place of a value in its messages. */
export interface PathStyle {
  member(path: string, name: string): string;
  /** Of a list (its position from 1 on) or a map. */
  entry(path: string, key: string | number): string;
  missing(path: string): AwsError;
}

function join(path: string, name: string | number): string {
  return path === '' ? `${name}` : `${path}.${name}`;
}

/** SQS names parameters as they are sent. */
const SQS_PATHS: PathStyle = {
  member: join,
  entry: join,
  missing: (path) =>
    new AwsError('MissingParameter', `The request must contain the parameter ${path}.`),
};

/** SNS names members as its own code does: `messageAttributes.price.member.dataType`. */
const SNS_PATHS: PathStyle = {
  member: (path, name) => join(path, `${name.charAt(0).toLowerCase()}${name.slice(1)}`),
  entry: (path, key) => `${path}.${key}.member`,
  missing: (path) =>
    new AwsError(
      'ValidationError',
      `1 validation error detected: Value null at '${path}' failed to satisfy constraint: ` +
        'Member must not be null',
    ),
};

export function pathsOf(service: string): PathStyle {
  return service === 'sns' ? SNS_PATHS : SQS_PATHS;
}
