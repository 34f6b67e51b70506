import { expect, test } from 'vitest';
import { ManualClock } from '../../driver/testing/manual-clock.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import { KafkaProducer } from './producer.ts';
import type { OutgoingRecord } from './records.ts';
import type { Wire } from './wire.ts';

const TOO_LARGE = 10;

interface Sequences {
  readonly sequences: { getWithDefault(name: string): number };
}

/** A broker with one partition that takes no batch with a record above `bytesMax`, and only the next sequence number. */
function broker(bytesMax: number) {
  const stored: string[] = [];
  const answerTo = (records: readonly OutgoingRecord[], sequence: number): object => {
    expect(sequence).toBe(stored.length);
    const isTooLarge = records.some(({ value }) => value!.length > bytesMax);
    if (isTooLarge) return { index: 0, errorCode: TOO_LARGE, baseOffset: -1n, errorMessage: null };
    const baseOffset = BigInt(stored.length);
    stored.push(...records.map(({ value }) => value!.toString()));
    return { index: 0, errorCode: 0, baseOffset, errorMessage: null };
  };
  const metadata = async () => ({
    topics: new Map([['t', { partitionsCount: 1, partitions: [{ leader: 1 }] }]]),
  });
  const call = async (api: string, _node: number, args: unknown[]): Promise<unknown> => {
    if (api === 'InitProducerId') return { producerId: 1n, producerEpoch: 0 };
    const [, , records, { sequences }] = args as [0, 0, OutgoingRecord[], Sequences];
    const answer = answerTo(records, sequences.getWithDefault('t:0'));
    return { responses: [{ name: 't', partitionResponses: [answer] }] };
  };
  const library = { protocolErrorsCodesById: { [TOO_LARGE]: 'MESSAGE_TOO_LARGE' } };
  const wire = {
    options: { clock: new ManualClock(), timeoutMs: 1_000, library },
    closed: false,
    signal: new AbortController().signal,
    retry: (_what: string, operation: () => Promise<unknown>) => operation(),
    metadata,
    call,
  };
  return { stored, producer: new KafkaProducer(wire as unknown as Wire) };
}

function message(text: string): WireMessage {
  const body = Buffer.from(text);
  return { id: text, body, contentType: 'text/plain', headers: {}, timestampMs: 0 };
}

test('a record that the broker does not take leaves the others of its batch their places', async () => {
  const { stored, producer } = broker(3);
  const texts = ['a', 'b', 'too large', 'c', 'd', 'as large', 'e'];
  const outcomes = await producer.send('t', texts.map(message), { keyless: 'batch' });
  expect(outcomes).toMatchObject([
    { offset: 0 },
    { offset: 1 },
    { code: 'message-too-large', retryable: false },
    { offset: 2 },
    { offset: 3 },
    { code: 'message-too-large' },
    { offset: 4 },
  ]);
  expect(stored).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('what others send meanwhile does not fail with it', async () => {
  const { stored, producer } = broker(3);
  const large = producer.send('t', [message('too large')], { keyless: 'batch' });
  const small = producer.send('t', [message('a')], { keyless: 'batch' });
  expect(await large).toMatchObject([{ code: 'message-too-large' }]);
  expect(await small).toEqual([{ partition: 0, offset: 0 }]);
  expect(stored).toEqual(['a']);
});
