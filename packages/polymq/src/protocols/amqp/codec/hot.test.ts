import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uint32At } from './frame.ts';
import { contentHeader } from './properties.ts';
import * as hot from './read-hot.ts';
import { readMethod } from './read-method.ts';
import { mutants, prefixes, refusal } from './testing/mutations.ts';
import * as write from './write-hot.ts';
import { methodFrame } from './write-method.ts';

const shortstr = fc.string({ maxLength: 60 });
const tag = fc.oneof(fc.nat(), fc.maxSafeNat());
const channelNumber = fc.nat(0xffff);

function names(exchange: string, routingKey: string): Buffer {
  const both = [exchange, routingKey].flatMap((name) => {
    const bytes = Buffer.from(name);
    return [Buffer.from([bytes.length]), bytes];
  });
  return Buffer.concat([Buffer.from('before'), ...both, Buffer.from('behind')]);
}

/** Writes at an odd place between octets that must stay; returns what was written. */
function written(bytes: number, put: (target: Buffer, at: number) => number): Buffer {
  const target = Buffer.alloc(bytes + 10, 0xaa);
  expect(put(target, 5)).toBe(5 + bytes);
  expect(target.subarray(0, 5).every((octet) => octet === 0xaa)).toBe(true);
  expect(target.subarray(5 + bytes).every((octet) => octet === 0xaa)).toBe(true);
  return target.subarray(5, 5 + bytes);
}

describe('frames written in place', () => {
  it('deliver as the method table says', () => {
    fc.assert(
      fc.property(
        channelNumber,
        fc.string({ maxLength: 80 }),
        tag,
        fc.boolean(),
        shortstr,
        shortstr,
        (channel, consumerTag, deliveryTag, redelivered, exchange, routingKey) => {
          const source = names(exchange, routingKey);
          const end = source.length - 6;
          const prefix = write.deliverPrefix(channel, consumerTag);
          const frame = written(write.deliverBytes(prefix, end - 6), (target, at) =>
            write.writeDeliver(target, at, prefix, deliveryTag, redelivered, source, 6, end),
          );
          const args = { consumerTag, deliveryTag, redelivered, exchange, routingKey };
          expect(frame.equals(methodFrame(channel, 'basic.deliver', args))).toBe(true);
        },
      ),
    );
  });

  it('get-ok as the method table says', () => {
    fc.assert(
      fc.property(
        tag,
        fc.boolean(),
        shortstr,
        shortstr,
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (deliveryTag, redelivered, exchange, routingKey, messageCount) => {
          const source = names(exchange, routingKey);
          const end = source.length - 6;
          const frame = written(write.getOkBytes(end - 6), (target, at) =>
            write.writeGetOk(
              target,
              at,
              513,
              deliveryTag,
              redelivered,
              source,
              6,
              end,
              messageCount,
            ),
          );
          const args = { deliveryTag, redelivered, exchange, routingKey, messageCount };
          expect(frame.equals(methodFrame(513, 'basic.get-ok', args))).toBe(true);
        },
      ),
    );
  });

  it('return as the method table says', () => {
    const source = names('orders', 'a.b');
    const end = source.length - 6;
    const reason = write.returnReason(312, 'NO_ROUTE');
    const frame = written(write.returnBytes(reason, end - 6), (target, at) =>
      write.writeReturn(target, at, 7, reason, source, 6, end),
    );
    const args = {
      replyCode: 312,
      replyText: 'NO_ROUTE',
      exchange: 'orders',
      routingKey: 'a.b',
    };
    expect(frame.equals(methodFrame(7, 'basic.return', args))).toBe(true);
  });

  it('ack and nack as the method table says', () => {
    fc.assert(
      fc.property(channelNumber, tag, fc.boolean(), (channel, deliveryTag, multiple) => {
        const ack = written(write.ACK_BYTES, (target, at) =>
          write.writeAck(target, at, channel, deliveryTag, multiple),
        );
        expect(ack.equals(methodFrame(channel, 'basic.ack', { deliveryTag, multiple }))).toBe(true);
        const nack = written(write.NACK_BYTES, (target, at) =>
          write.writeNack(target, at, channel, deliveryTag, multiple),
        );
        expect(nack.equals(methodFrame(channel, 'basic.nack', { deliveryTag, multiple }))).toBe(
          true,
        );
      }),
    );
  });
});

describe('contents written from their stored form', () => {
  const FRAME_MAX = 64;
  const PAYLOAD_MAX = FRAME_MAX - 8;

  it.each([0, 1, PAYLOAD_MAX - 1, PAYLOAD_MAX, PAYLOAD_MAX + 1, 3 * PAYLOAD_MAX, 1000])(
    'are a header frame and the body frames that %i octets need',
    (bodyBytes) => {
      const header = contentHeader({ deliveryMode: 2, type: 'x' }, bodyBytes);
      const body = Buffer.from(Array.from({ length: bodyBytes }, (_, index) => index & 0xff));
      const between = Buffer.from([0xce, 3, 0, 0, 0, 0, 0, 0]);
      between.writeUInt32BE(bodyBytes, 4);
      const stored = Buffer.concat([Buffer.alloc(4), header, between, body]);
      const bytes = write.contentBytes(stored.length - 4, bodyBytes, FRAME_MAX);
      const frames = written(bytes, (target, at) =>
        write.writeContent(target, at, 0x102, stored, 4, stored.length, bodyBytes, FRAME_MAX),
      );
      const wanted = [frame(2, header)];
      for (let from = 0; from < bodyBytes; from += PAYLOAD_MAX) {
        wanted.push(frame(3, body.subarray(from, from + PAYLOAD_MAX)));
      }
      expect(frames.toString('hex')).toBe(Buffer.concat(wanted).toString('hex'));
    },
  );

  function frame(type: number, payload: Buffer): Buffer {
    const head = Buffer.alloc(7);
    write.writeFrameHeader(head, 0, type, 0x102, payload.length);
    expect(head.readUInt32BE(3)).toBe(payload.length);
    return Buffer.concat([head, payload, Buffer.from([0xce])]);
  }
});

describe('methods scanned in place', () => {
  it('publish gives the ranges of the names and the bits', () => {
    const found = new hot.PublishScan();
    fc.assert(
      fc.property(
        shortstr,
        shortstr,
        fc.boolean(),
        fc.boolean(),
        (exchange, routingKey, mandatory, immediate) => {
          const args = { exchange, routingKey, mandatory, immediate };
          const frame = methodFrame(1, 'basic.publish', args);
          expect(uint32At(frame, 7)).toBe(hot.BASIC_PUBLISH);
          hot.scanPublish(frame, 7, frame.length - 1, found);
          expect(frame.toString('utf8', found.namesStart + 1, found.routingKeyAt)).toBe(exchange);
          expect(frame.toString('utf8', found.routingKeyAt + 1, found.namesEnd)).toBe(routingKey);
          expect(found).toMatchObject({ mandatory, immediate });
        },
      ),
    );
  });

  it('ack, reject and nack give the tag and the bits', () => {
    const frames: [Buffer, number, number][] = [
      [methodFrame(1, 'basic.ack', { deliveryTag: 5, multiple: true }), hot.BASIC_ACK, 1],
      [methodFrame(1, 'basic.reject', { deliveryTag: 5 }), hot.BASIC_REJECT, 0],
      [methodFrame(1, 'basic.nack', { deliveryTag: 5, requeue: true }), hot.BASIC_NACK, 2],
    ];
    for (const [frame, id, bits] of frames) {
      expect(uint32At(frame, 7)).toBe(id);
      expect(hot.tagAt(frame, 7, frame.length - 1)).toBe(5);
      expect(hot.tagBitsAt(frame, 7)).toBe(bits);
    }
    fc.assert(
      fc.property(tag, (deliveryTag) => {
        const frame = methodFrame(1, 'basic.ack', { deliveryTag });
        expect(hot.tagAt(frame, 7, frame.length - 1)).toBe(deliveryTag);
      }),
    );
  });

  it('are refused wherever reading by the table refuses them', () => {
    const found = new hot.PublishScan();
    const scans: [Buffer, (buffer: Buffer, end: number) => unknown][] = [
      [
        methodFrame(1, 'basic.publish', { exchange: 'ex', routingKey: 'key' }),
        (buffer, end) => hot.scanPublish(buffer, 0, end, found),
      ],
      [methodFrame(1, 'basic.ack', { deliveryTag: 5 }), (buffer, end) => hot.tagAt(buffer, 0, end)],
    ];
    for (const [frame, scan] of scans) {
      const payload = frame.subarray(7, -1);
      const longer = Buffer.concat([payload, Buffer.alloc(1)]);
      const ids = payload.subarray(0, 4);
      const inputs = [
        ...Array.from(prefixes(payload)).filter(({ end }) => end >= 4),
        ...Array.from(mutants(payload), (buffer) => ({ buffer, end: buffer.length })),
        { buffer: longer, end: longer.length },
      ].filter(({ buffer }) => buffer.subarray(0, 4).equals(ids));
      expect(inputs.length).toBeGreaterThan(20);
      for (const { buffer, end } of inputs) {
        const wanted = refusal(() => readMethod(buffer, 0, end));
        // Whether names are UTF-8 is seen when they are first used.
        expect(refusal(() => scan(buffer, end))).toBe(wanted === 501 ? undefined : wanted);
      }
    }
  });
});
