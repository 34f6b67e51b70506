import { describe, expect, test } from 'vitest';
import type { DeclaredValue, DeclaredValues } from '../../core/queue/queue-definition.ts';
import { intervalMs } from '../../lib/interval.ts';
import { checkQueueArguments, QUEUE_ARGUMENTS, queueSettings } from './queue-arguments.ts';

/** What is said about the values; `undefined` if nothing is. */
function refusal(values: DeclaredValues): string | undefined {
  try {
    checkQueueArguments(values, 'q', '/');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const invalid = (name: string, problem: string) =>
  `PRECONDITION_FAILED - invalid arg '${name}' for queue 'q' in vhost '/': ${problem}`;

/** As RabbitMQ 3.10 says it, word for word. */
const REFUSED: [name: string, value: DeclaredValue, problem: string][] = [
  ['x-expires', 0, '{value_zero,0}'],
  ['x-expires', -5, '{value_negative,-5}'],
  ['x-expires', 'soon', '"expected integer, got longstr"'],
  ['x-message-ttl', -1, '{value_negative,-1}'],
  ['x-message-ttl', 1.5, '"expected integer, got double"'],
  ['x-message-ttl', 99_999_999_999_999, '{value_too_large,99999999999999}'],
  ['x-dead-letter-routing-key', 7, '{unacceptable_type,signedint}'],
  ['x-max-length', -1, '{value_negative,-1}'],
  ['x-max-length', true, '"expected integer, got bool"'],
  ['x-max-length-bytes', null, '"expected integer, got void"'],
  ['x-max-priority', 256, '{max_value_exceeded,256}'],
  ['x-max-priority', -1, '{value_negative,-1}'],
  ['x-overflow', 'explode', 'invalid_overflow'],
  ['x-overflow', 'toString', 'invalid_overflow'],
  ['x-overflow', 3, '{unacceptable_type,signedint}'],
  ['x-single-active-consumer', 'yes', '{unacceptable_type,longstr}'],
  ['x-message-groups', 'yes', '{unacceptable_type,longstr}'],
  ['x-queue-type', 'special', `"unsupported queue type 'special'"`],
  ['x-queue-type', [1], '{unacceptable_type,array}'],
  ['x-consumer-timeout', -1, '{value_negative,-1}'],
  ['x-max-age', '7 days', 'invalid_max_age'],
  ['x-max-age', { days: 7 }, '{unacceptable_type,table}'],
  ['x-stream-max-segment-size-bytes', 'big', '"expected integer, got longstr"'],
];

describe('arguments of queues', () => {
  test.for(REFUSED)('%s may not be %o', ([name, value, problem]) => {
    expect(refusal({ 'x-dead-letter-exchange': 'd', [name]: value })).toBe(invalid(name, problem));
  });

  test('a dead-letter exchange of the wrong type is refused with its own words', () => {
    expect(refusal({ 'x-dead-letter-exchange': 5 })).toBe(
      "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
    );
  });

  test('streams have no groups', () => {
    const values = { 'x-queue-type': 'stream', 'x-message-groups': true };
    expect(refusal(values)).toBe(invalid('x-message-groups', 'not_for_streams'));
    expect(refusal({ ...values, 'x-message-groups': false })).toBeUndefined();
    expect(queueSettings({ 'x-message-groups': true })).toEqual({ groups: true });
  });

  test('a dead-letter routing key needs an exchange', () => {
    expect(refusal({ 'x-dead-letter-routing-key': 'k' })).toBe(
      invalid('x-dead-letter-routing-key', 'routing_key_but_no_dlx_defined'),
    );
  });

  test('what is unknown, or about replicas and memory, is accepted', () => {
    expect(
      refusal({ 'x-queue-mode': 'lazy', 'x-quorum-initial-group-size': 3, toString: {} }),
    ).toBe(undefined);
  });

  test('become settings of the core', () => {
    const values = {
      'x-expires': 1000,
      'x-message-ttl': 0,
      'x-dead-letter-exchange': 'dlx',
      'x-dead-letter-routing-key': 'dead',
      'x-max-length': 10,
      'x-max-length-bytes': 1000,
      'x-max-priority': 5,
      'x-overflow': 'reject-publish-dlx',
      'x-single-active-consumer': true,
      'x-queue-type': 'classic',
      'x-delivery-limit': 3,
    };
    expect(refusal(values)).toBeUndefined();
    expect(queueSettings(values)).toEqual({
      expiresMs: 1000,
      messageTtlMs: 0,
      deadLetterExchange: 'dlx',
      deadLetterRoutingKey: 'dead',
      lengthMax: 10,
      bytesMax: 1000,
      priorityMax: 5,
      overflow: 'reject-dead-letter',
      singleActiveConsumer: true,
      deliveryLimit: 3,
    });
  });

  test('a quorum queue gives up after 20 deliveries, a classic one never', () => {
    expect(queueSettings({ 'x-queue-type': 'quorum' }).deliveryLimit).toBe(20);
    expect(queueSettings({ 'x-queue-type': 'quorum', 'x-delivery-limit': -1 })).toEqual({});
    expect(queueSettings({ 'x-queue-type': 'classic' })).toEqual({});
    expect(queueSettings({})).toEqual({});
  });

  test('an age has a number and a unit', () => {
    expect(['1Y', '1M', '7D', '12h', '5m', '30s'].map(intervalMs)).toEqual([
      31_536_000_000, 2_592_000_000, 604_800_000, 43_200_000, 300_000, 30_000,
    ]);
  });

  test('are compared in the order of RabbitMQ', () => {
    const order = Object.keys(QUEUE_ARGUMENTS);
    expect(order.indexOf('x-message-ttl')).toBeLessThan(order.indexOf('x-max-length'));
    expect(order.indexOf('x-max-priority')).toBeLessThan(order.indexOf('x-overflow'));
  });
});
