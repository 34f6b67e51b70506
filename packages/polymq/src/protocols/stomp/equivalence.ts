/** Declaring again what exists: fine if it says the same, else an error with RabbitMQ's words. */
import type { DeclaredValue, QueueDefinition } from '../../core/queue/queue-definition.ts';
import { refused } from './errors.ts';
import { QUEUE_ARGUMENTS } from './queue-arguments.ts';

/** `what`: `queue 'a' in vhost '/'`. */
export function checkEquivalent(
  what: string,
  current: QueueDefinition,
  received: QueueDefinition,
): void {
  const flags = [
    ['durable', received.durable, current.durable],
    ['auto_delete', received.autoDelete, current.autoDelete],
  ] as const;
  for (const [flag, value, now] of flags) {
    if (value === now) continue;
    throw inequivalent(flag, what, `received '${value}' but current is '${now}'`);
  }
  for (const name of Object.keys(QUEUE_ARGUMENTS)) {
    const value = argumentOf(received, name);
    const now = argumentOf(current, name);
    if (value === now) continue;
    const text = value !== undefined && now !== undefined ? valueText : typedText;
    throw inequivalent(name, what, `received ${text(value)} but current is ${text(now)}`);
  }
}

function argumentOf({ declared }: QueueDefinition, name: string): DeclaredValue | undefined {
  return declared[name] ?? (name === 'x-queue-type' ? 'classic' : undefined);
}

function typedText(value: DeclaredValue | undefined): string {
  return value === undefined ? 'none' : `the value ${valueText(value)} of type '${typeOf(value)}'`;
}

function valueText(value: DeclaredValue | undefined): string {
  return `'${typeof value === 'object' ? JSON.stringify(value) : value}'`;
}

function typeOf(value: DeclaredValue): string {
  if (typeof value === 'number') return 'signedint';
  return typeof value === 'boolean' ? 'bool' : 'longstr';
}

function inequivalent(argument: string, what: string, difference: string): Error {
  return refused(
    'precondition_failed',
    `inequivalent arg '${argument}' for ${what}: ${difference}`,
  );
}
