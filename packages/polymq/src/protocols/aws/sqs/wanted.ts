/** Which attributes a ReceiveMessage asks for. */
import type { MessageAttributes } from '../message/attributes.ts';
import { AwsError } from '../wire/index.ts';

export const SYSTEM_ATTRIBUTES = [
  'SenderId',
  'SentTimestamp',
  'ApproximateReceiveCount',
  'ApproximateFirstReceiveTimestamp',
  'SequenceNumber',
  'MessageDeduplicationId',
  'MessageGroupId',
  'AWSTraceHeader',
  'DeadLetterQueueSourceArn',
] as const;

const KNOWN: ReadonlySet<string> = new Set(SYSTEM_ATTRIBUTES);
const NONE: ReadonlySet<string> = new Set();
const NAMES_MAX = 100;

export class Wanted {
  /** Names of system attributes. */
  readonly system: ReadonlySet<string>;
  readonly #names: ReadonlySet<string>;
  /** Beginnings of names, where `name.*` was asked for. */
  readonly #prefixes: readonly string[];
  readonly #all: boolean;

  constructor(input: {
    AttributeNames?: readonly string[];
    MessageSystemAttributeNames?: readonly string[];
    MessageAttributeNames?: readonly string[];
  }) {
    this.system = systemNames(input.AttributeNames, input.MessageSystemAttributeNames);
    const names = input.MessageAttributeNames ?? [];
    if (names.length > NAMES_MAX) {
      throw new AwsError(
        'InvalidParameterValue',
        `MessageAttributeNames may have ${NAMES_MAX} names, not ${names.length}.`,
      );
    }
    this.#all = names.includes('All') || names.includes('.*');
    this.#names = names.length === 0 ? NONE : new Set(names);
    this.#prefixes = names.filter((name) => name.endsWith('.*')).map((name) => name.slice(0, -2));
  }

  /** Those of a message that were asked for; undefined if there are none. */
  attributesOf(attributes: MessageAttributes): MessageAttributes | undefined {
    if (this.#names.size === 0) return undefined;
    if (this.#all) return attributes;
    const entries = Object.entries(attributes).filter(([name]) => this.#wants(name));
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }

  #wants(name: string): boolean {
    if (this.#names.has(name)) return true;
    return this.#prefixes.some((prefix) => name.startsWith(prefix));
  }
}

function systemNames(
  older: readonly string[] | undefined,
  newer: readonly string[] | undefined,
): ReadonlySet<string> {
  if (older === undefined && newer === undefined) return NONE;
  const names = [...(older ?? []), ...(newer ?? [])];
  for (const name of names) {
    if (name !== 'All' && !KNOWN.has(name)) {
      throw new AwsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
    }
  }
  return names.includes('All') ? KNOWN : new Set(names);
}
