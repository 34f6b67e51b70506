import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METHODS, type MethodName } from '../methods/index.ts';
import type { ArgumentType, FieldTable } from '../methods/row.ts';
import { AmqpSyntaxError } from './amqp-syntax-error.ts';
import { methodNameAt, readMethod } from './read-method.ts';
import { mutants, prefixes, refusal } from './testing/mutations.ts';
import { shortText } from './utf8.ts';
import { methodFrame } from './write-method.ts';

const NAMES = Object.keys(METHODS) as MethodName[];

const table = fc
  .array(
    fc.tuple(fc.string({ maxLength: 20 }), fc.oneof(fc.string(), fc.integer(), fc.boolean())),
    {
      maxLength: 4,
    },
  )
  .map((entries) => Object.fromEntries(entries) as FieldTable);

const VALUES: Readonly<Record<ArgumentType, fc.Arbitrary<unknown>>> = {
  bit: fc.boolean(),
  octet: fc.nat(0xff),
  short: fc.nat(0xffff),
  long: fc.integer({ min: 0, max: 0xffff_ffff }),
  longlong: fc.maxSafeNat(),
  shortstr: fc
    .string({ maxLength: 80, unit: 'grapheme' })
    .filter((s) => Buffer.byteLength(s) < 256),
  longstr: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  table,
};

function argsOf(name: MethodName): fc.Arbitrary<Record<string, unknown>> {
  const named = Object.entries(METHODS[name].args).filter(([arg]) => !arg.startsWith('reserved'));
  return fc.record(Object.fromEntries(named.map(([arg, type]) => [arg, VALUES[type]])));
}

function payload(frame: Buffer): Buffer {
  return frame.subarray(7, frame.length - 1);
}

function read(bytes: Buffer) {
  return readMethod(bytes, 0, bytes.length);
}

function sample(name: MethodName): Buffer {
  return methodFrame(1, name, fc.sample(argsOf(name), { numRuns: 1, seed: 7 })[0] as never);
}

/** Frames as amqplib 2.3.1 writes them. */
const GOLDEN: [MethodName, number, unknown, string][] = [
  [
    'connection.start-ok',
    0,
    {
      clientProperties: { product: 'amqplib', capabilities: { publisher_confirms: true } },
      mechanism: 'PLAIN',
      response: Buffer.from('\0guest\0guest'),
      locale: 'en_US',
    },
    '0100000000005f000a000b0000003b0770726f647563745300000007616d71706c69620c6361706162696c697469657346' +
      '00000015127075626c69736865725f636f6e6669726d73740105504c41494e0000000c0067756573740067756573740565' +
      '6e5f5553ce',
  ],
  [
    'basic.publish',
    2,
    { exchange: 'ex', routingKey: 'a.b', mandatory: true, immediate: false },
    '0100020000000e003c0028000002657803612e6201ce',
  ],
  [
    'basic.nack',
    65_535,
    { deliveryTag: 4_294_967_301, multiple: true, requeue: true },
    '01ffff0000000d003c0078000000010000000503ce',
  ],
  ['exchange.unbind-ok', 9, {}, '0100090000000400280033ce'],
];

describe('methods', () => {
  it.each(NAMES)('%s reads back as it was written, and reserved fields are not there', (name) => {
    fc.assert(
      fc.property(argsOf(name), fc.nat(0xffff), (args, channel) => {
        const frame = methodFrame(channel, name, args as never);
        expect(frame[0]).toBe(1);
        expect(frame.readUInt16BE(1)).toBe(channel);
        expect(frame.readUInt32BE(3)).toBe(frame.length - 8);
        expect(frame.at(-1)).toBe(0xce);
        expect(methodNameAt(frame, 7)).toBe(name);
        const { method, args: got } = read(payload(frame));
        expect(method).toBe(name);
        expect(plain(got)).toEqual(plain(args));
      }),
      { numRuns: 30 },
    );
  });

  it.each(GOLDEN)('%s is written and read as amqplib does', (name, channel, args, hex) => {
    expect(methodFrame(channel, name, args as never).toString('hex')).toBe(hex);
    expect(plain(read(payload(Buffer.from(hex, 'hex'))).args)).toEqual(plain(args));
  });

  it('reads tables whose numbers amqplib writes in its own way', () => {
    const declare =
      '003200' +
      '0a0000066f7264657273020000002b0d782d6d6573736167652d74746c490000ea600c782d71756575652d747970655300' +
      '00000671756f72756d';
    expect(plain(read(Buffer.from(declare, 'hex')).args)).toEqual({
      queue: 'orders',
      passive: false,
      durable: true,
      exclusive: false,
      autoDelete: false,
      noWait: false,
      arguments: { 'x-message-ttl': 60_000, 'x-queue-type': 'quorum' },
    });
    const consume = '003c00140000066f7264657273026331060000000d0a782d7072696f72697479620a';
    const { args } = read(Buffer.from(consume, 'hex')) as { args: { arguments: FieldTable } };
    expect(args).toMatchObject({ consumerTag: 'c1', noLocal: false, noAck: true, exclusive: true });
    expect(args.arguments['x-priority']).toBe(10);
  });

  it('lets bits and tables be left out', () => {
    const frame = methodFrame(1, 'queue.declare', { queue: '' });
    expect(plain(read(payload(frame)).args)).toMatchObject({ durable: false, arguments: {} });
  });

  it('does not take a payload for one that is cut off, wherever it is cut', () => {
    for (const name of NAMES) {
      for (const { buffer, end } of prefixes(payload(sample(name)))) {
        expect([501, 502]).toContain(refusal(() => readMethod(buffer, 0, end)));
      }
    }
  });

  it('throws nothing but a syntax error at octets that were changed', () => {
    let refused = 0;
    for (const name of NAMES) {
      for (const mutant of mutants(payload(sample(name)))) {
        if (refusal(() => read(mutant)) !== undefined) refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });

  it('refuses octets behind the last argument, naming the method', () => {
    const bytes = Buffer.concat([payload(sample('basic.ack')), Buffer.alloc(1)]);
    expect(() => read(bytes)).toThrow(
      expect.objectContaining({ replyCode: 502, classId: 60, methodId: 80 }),
    );
  });

  it('refuses methods that do not exist with 503, and payloads without ids with 501', () => {
    const unknown = Buffer.from([0, 60, 0, 99]);
    expect(() => read(unknown)).toThrow(
      expect.objectContaining({ replyCode: 503, classId: 60, methodId: 99 }),
    );
    expect(methodNameAt(unknown, 0)).toBeUndefined();
    expect(refusal(() => read(Buffer.from([0, 60, 0])))).toBe(501);
    expect(refusal(() => methodFrame(1, 'basic.nothing' as 'basic.ack', {} as never))).toBe(503);
  });

  it('refuses a table of more than 1,000 entries', () => {
    const withEntries = (count: number): Buffer => {
      const entries = Array.from({ length: count }, (_, index) => [`k${index}`, null]);
      return payload(
        methodFrame(1, 'queue.declare', { queue: '', arguments: Object.fromEntries(entries) }),
      );
    };
    expect(refusal(() => read(withEntries(1000)))).toBeUndefined();
    expect(refusal(() => read(withEntries(1001)))).toBe(502);
  });

  it('refuses names that are not UTF-8 with 501, as RabbitMQ does', () => {
    const frame = methodFrame(1, 'basic.consume-ok', { consumerTag: 'abc' });
    frame[13] = 0xff;
    expect(refusal(() => read(payload(frame)))).toBe(501);
  });

  it('refuses to write what does not fit', () => {
    const long = 'x'.repeat(256);
    const bad: (() => unknown)[] = [
      () => methodFrame(1, 'queue.declare', { queue: long }),
      () => methodFrame(1, 'basic.ack', { deliveryTag: -1 }),
      () => methodFrame(1, 'basic.qos', { prefetchSize: 0, prefetchCount: 65_536 }),
      () => methodFrame(1, 'basic.qos', { prefetchSize: 0, prefetchCount: 0.5 }),
      () => methodFrame(1, 'basic.qos', {} as never),
      () => methodFrame(1, 'queue.declare', { queue: 5 as never }),
      () => methodFrame(1, 'connection.secure', { challenge: 5 as never }),
      () => methodFrame(1, 'queue.declare', { queue: '', arguments: 5 as never }),
    ];
    for (const write of bad) expect(refusal(write)).toBe(502);
  });

  it('cuts explanations to what a short string holds, between characters', () => {
    const close = { replyCode: 404, replyText: 'é'.repeat(200), classId: 50, methodId: 10 };
    const { args } = read(payload(methodFrame(1, 'channel.close', close)));
    const { replyText } = args as { replyText: string };
    expect(replyText).toBe(`${'é'.repeat(126)}...`);
    expect(shortText('é'.repeat(127))).toBe('é'.repeat(127));
    expect(Buffer.byteLength(shortText(`x${'é'.repeat(200)}`))).toBe(254);
  });

  it('have arguments of the types that the table says', () => {
    const frame = methodFrame(1, 'basic.get', { queue: 'orders', noAck: true });
    const got = read(payload(frame));
    if (got.method !== 'basic.get') throw new TypeError(`read ${got.method}`);
    const { queue, noAck }: { queue: string; noAck: boolean } = got.args;
    expect({ queue, noAck }).toEqual({ queue: 'orders', noAck: true });
    // @ts-expect-error Reserved arguments are not there.
    expect(got.args.reserved1).toBeUndefined();
    // @ts-expect-error A queue has a name.
    expect(refusal(() => methodFrame(1, 'basic.get', {}))).toBe(502);
  });

  it('throws errors that are protocol errors', () => {
    expect(new AmqpSyntaxError(501, 'x').name).toBe('ProtocolError');
  });
});

/** Without prototypes, and with buffers as text, so that they compare by content. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
