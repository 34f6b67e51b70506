/** Declaring again what exists: fine if it says the same, else 406 with RabbitMQ's words. */
import type { DeclaredValue, DeclaredValues } from '../../core/queue/queue-definition.ts';
import { AmqpError } from './errors.ts';
import { plainType, samePlain } from './plain-values.ts';

export interface Declared {
  /** `queue 'a' in vhost '/'` */
  what: string;
  flags: Readonly<Record<string, string | boolean>>;
  arguments: DeclaredValues;
}

/** `compared`: the arguments that matter; others may differ. */
export function checkEquivalent(
  current: Declared,
  received: Declared,
  compared: Iterable<string>,
): void {
  for (const [flag, value] of Object.entries(received.flags)) {
    const now = current.flags[flag];
    if (now === value) continue;
    throw inequivalent(flag, current.what, `received '${value}' but current is '${now}'`);
  }
  for (const name of compared) {
    const value = received.arguments[name];
    const now = current.arguments[name];
    if (samePlain(value, now)) continue;
    const both = value !== undefined && now !== undefined;
    const text = both ? valueText : typedText;
    throw inequivalent(name, current.what, `received ${text(value)} but current is ${text(now)}`);
  }
}

function typedText(value: DeclaredValue | undefined): string {
  if (value === undefined) return 'none';
  return `the value ${valueText(value)} of type '${plainType(value)}'`;
}

function valueText(value: DeclaredValue | undefined): string {
  return `'${typeof value === 'object' ? JSON.stringify(value) : value}'`;
}

function inequivalent(argument: string, what: string, difference: string): AmqpError {
  return new AmqpError(
    'preconditionFailed',
    `inequivalent arg '${argument}' for ${what}: ${difference}`,
  );
}
