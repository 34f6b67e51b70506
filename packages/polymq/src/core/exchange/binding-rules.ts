/**
 * What declarations of exchanges and bindings may look like, as far as that depends on the type of the exchange. All is
 * checked before anything is written, since what is in the log is a fact.
 */

import { BrokerError } from '../errors.ts';
import { FilterPolicyError } from '../filter/filter-policy-error.ts';
import { NAME_BYTES_MAX } from '../message/message-bytes.ts';
import type { DeclaredValues } from '../queue/queue-definition.ts';
import type { BindingDeclaration } from './exchange-commands.ts';
import { declaredValue } from './exchange-rules.ts';
import type { ExchangeDefinition } from './exchanges.ts';
import { argumentsText } from './live-binding.ts';
import { isHashedProperty } from './routers/consistent-hash.ts';
import { filterOf } from './routers/filter.ts';
import { MATCH_KINDS, X_MATCH } from './routers/headers.ts';

/** A weight beyond this only makes the weights of others vanish. */
const WEIGHT_MAX = 1_000_000;
const HISTORY_LENGTH_MAX = 10_000;
/** A policy of 256 KiB, with every quotation mark escaped. */
const FILTERED_BYTES_MAX = 640 * 1024;

export function checkDefinition(definition: ExchangeDefinition): void {
  if (definition.type === 'consistent-hash') checkHashed(definition);
  if (definition.type !== 'recent-history') return;
  const length = declaredValue(definition, 'x-recent-history-length');
  if (length === undefined) return;
  if (typeof length === 'number' && Number.isInteger(length) && length > 0) {
    if (length <= HISTORY_LENGTH_MAX) return;
  }
  throw new BrokerError(
    'invalid-config',
    `"x-recent-history-length" must be a whole number from 1 to ${HISTORY_LENGTH_MAX}, not ${JSON.stringify(length)}`,
  );
}

function checkHashed(definition: ExchangeDefinition): void {
  const header = declaredValue(definition, 'hash-header');
  const property = declaredValue(definition, 'hash-property');
  if (header !== undefined && property !== undefined) {
    throw new BrokerError(
      'invalid-config',
      '"hash-header" and "hash-property" exclude each other; declare one of them',
    );
  }
  if (header !== undefined && typeof header !== 'string') {
    throw new BrokerError('invalid-config', '"hash-header" must be the name of a header');
  }
  if (property === undefined || isHashedProperty(property)) return;
  throw new BrokerError(
    'invalid-config',
    `"hash-property" must be message_id, correlation_id or timestamp, not ${JSON.stringify(property)}`,
  );
}

/** `definition`: of the source, if it is an exchange. */
export function checkBinding(
  declaration: Pick<BindingDeclaration, 'key' | 'arguments'>,
  definition: ExchangeDefinition | undefined,
  argumentsBytesMax: number,
): void {
  const { key } = declaration;
  if (Buffer.byteLength(key) > NAME_BYTES_MAX) {
    throw new BrokerError(
      'invalid-binding',
      `the routing key is longer than ${NAME_BYTES_MAX} bytes`,
    );
  }
  const values = declaration.arguments ?? {};
  const filtered = definition?.type === 'filter' || definition?.type === 'fanout';
  const bytesMax = filtered ? Math.max(argumentsBytesMax, FILTERED_BYTES_MAX) : argumentsBytesMax;
  if (Buffer.byteLength(argumentsText(values)) > bytesMax) {
    throw new BrokerError(
      'invalid-binding',
      `the arguments of a binding may have ${bytesMax} bytes`,
    );
  }
  if (filtered) checkFilter(values);
  if (definition?.type === 'consistent-hash') checkWeight(key);
  if (definition?.type !== 'headers') return;
  const match = values[X_MATCH];
  if (match === undefined || MATCH_KINDS.includes(match)) return;
  throw new BrokerError(
    'invalid-binding',
    `"${X_MATCH}" must be one of ${MATCH_KINDS.join(', ')}, not ${JSON.stringify(match)}`,
  );
}

function checkFilter(values: DeclaredValues): void {
  try {
    filterOf(values);
  } catch (error) {
    if (!(error instanceof FilterPolicyError)) throw error;
    throw new BrokerError('invalid-binding', error.message, { cause: error });
  }
}

function checkWeight(key: string): void {
  const weight = /^[0-9]{1,9}$/.test(key) ? Number(key) : 0;
  if (weight >= 1 && weight <= WEIGHT_MAX) return;
  throw new BrokerError(
    'invalid-binding',
    `the routing key of a binding to a consistent-hash exchange is its weight, a whole number from ` +
      `1 to ${WEIGHT_MAX}, not ${JSON.stringify(key)}`,
  );
}
