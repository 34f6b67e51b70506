import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageFormats } from '../../core/message/message-formats.ts';
import { writeNeutral } from '../../core/message/neutral-format.ts';
import type { NeutralMessage } from '../../core/message/neutral-message.ts';
import { neutralMessages } from '../../core/message/testing/neutral-messages.ts';
import {
  type Properties,
  PublishFrame,
  PublishScan,
  publishProperties,
  topicField,
} from './codec/index.ts';
import { binaries, properties, texts } from './codec/testing/peer-packets.ts';
import { ForeignProperties } from './foreign-properties.ts';
import {
  forwardedStart,
  isPublishedBy,
  mqttFormat,
  neutralToPublishProperties,
  storedProperties,
  storedQos,
  storedRetain,
} from './message-format.ts';

type Published = Properties<'publish'>;

const forwarded = properties('publish', ['messageExpiryS', 'subscriptionIds', 'topicAlias']);

/** What a subscriber of MQTT 5 reads, as its own words say it. */
function read(bytes: Buffer): NeutralMessage {
  return mqttFormat.toNeutral(Buffer.concat([Buffer.of(1), bytes]));
}

const stored = (mine: Published, flags = 1) => storedProperties(flags, publishProperties(mine));

describe('messages of MQTT for other protocols', () => {
  it('have their user properties as headers, in order and with repetitions', () => {
    const userProperties = [
      ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ] as const;
    const bytes = stored({ userProperties });
    expect(mqttFormat.toNeutral(bytes).headers.map(({ name, value }) => [name, value])).toEqual(
      userProperties,
    );
    expect(mqttFormat.headers(bytes)).toEqual(new Map(userProperties));
  });

  it('say where an answer belongs, and to which question', () => {
    const mine = { responseTopic: 'replies/a.b', correlationData: Buffer.from('c-1') };
    expect(mqttFormat.toNeutral(stored({ ...mine, contentType: 'text/plain' }))).toEqual({
      headers: [],
      contentType: 'text/plain',
      replyTo: 'replies.a/b',
      correlationId: 'c-1',
      persistent: true,
    });
  });

  it('keep correlation data that is no text in a header', () => {
    const correlationData = Buffer.of(0xff, 0, 1);
    const neutral = mqttFormat.toNeutral(stored({ correlationData }));
    expect(neutral.correlationId).toBeUndefined();
    expect(neutral.headers).toEqual([{ name: 'mqtt-correlation-data', value: correlationData }]);
    expect(neutralToPublishProperties(neutral)).toEqual(publishProperties({ correlationData }));
  });

  it('are persistent if their QoS is above 0', () => {
    expect(
      [0, 1, 2, 4, 6].map((flags) => mqttFormat.toNeutral(stored({}, flags)).persistent),
    ).toEqual([false, true, true, false, true]);
  });

  it('come back as they were, but for the payload format', () => {
    fc.assert(
      fc.property(forwarded, ({ payloadFormat: _, ...mine }) => {
        const responseTopic = mine.responseTopic?.replace(/[$]/g, '/');
        // A topic with as many levels is none here.
        fc.pre((responseTopic?.split('/').length ?? 0) <= 32);
        const all = { ...mine, responseTopic };
        const neutral = mqttFormat.toNeutral(stored(all));
        expect(read(neutralToPublishProperties(neutral))).toEqual(neutral);
        expect(read(publishProperties(all))).toEqual(neutral);
      }),
    );
  });

  it('know who has published them, if that was written', () => {
    fc.assert(
      fc.property(texts, texts, forwarded, (clientId, other, mine) => {
        fc.pre(Buffer.byteLength(clientId) < 256 && clientId !== other);
        const bytes = storedProperties(6, publishProperties(mine), clientId);
        const shifted = Buffer.concat([Buffer.from('front'), bytes]);
        expect([storedQos(shifted, 5), storedRetain(shifted, 5)]).toEqual([2, true]);
        expect(isPublishedBy(shifted, 5, Buffer.from(clientId))).toBe(true);
        expect(isPublishedBy(shifted, 5, Buffer.from(other))).toBe(false);
        expect(shifted.subarray(forwardedStart(shifted, 5))).toEqual(publishProperties(mine));
        expect(mqttFormat.toNeutral(bytes)).toEqual(mqttFormat.toNeutral(stored(mine)));
      }),
    );
    const anonymous = stored({}, 5);
    expect([storedQos(anonymous, 0), storedRetain(anonymous, 0)]).toEqual([1, true]);
    expect(isPublishedBy(anonymous, 0, Buffer.from(''))).toBe(false);
  });
});

describe('messages of other protocols for MQTT', () => {
  it('have headers of all types as text', () => {
    const headers = [
      { name: 'number', value: 1.5 },
      { name: 'big', value: 12345678901234567890n },
      { name: 'yes', value: true },
      { name: 'nothing', value: null },
      { name: 'text bytes', value: Buffer.from('ü') },
      { name: 'bytes', value: Buffer.of(0xff) },
      { name: 'list', value: [1, 'x', 2n] },
      { name: 'zero\0', value: 'a\0b' },
    ];
    expect(read(neutralToPublishProperties({ headers })).headers).toEqual(
      [
        ['number', '1.5'],
        ['big', '12345678901234567890'],
        ['yes', 'true'],
        ['nothing', ''],
        ['text bytes', 'ü'],
        ['bytes', '/w=='],
        ['list', '[1,"x","2"]'],
        ['zero?', 'a?b'],
      ].map(([name, value]) => ({ name, value })),
    );
  });

  it('show what MQTT has no property for', () => {
    const message = {
      headers: [],
      contentEncoding: 'gzip',
      messageId: 'm',
      type: 't',
      appId: 'a',
      replyTo: 'no.topic.#',
    };
    expect(mqttFormat.headers(mqttFormat.fromNeutral(message, 0))).toEqual(
      new Map([
        ['content-encoding', 'gzip'],
        ['message-id', 'm'],
        ['type', 't'],
        ['app-id', 'a'],
        ['reply-to', 'no.topic.#'],
      ]),
    );
  });

  it('are valid in every case', () => {
    const long = 'x'.repeat(70_000);
    const any = neutralMessages();
    fc.assert(
      fc.property(any, fc.boolean(), (message, isLong) => {
        const more: NeutralMessage = {
          ...message,
          headers: [...message.headers, { name: 'long', value: long }],
          contentType: long,
          correlationId: long,
          replyTo: long,
        };
        const frame = new PublishFrame();
        frame.version = 5;
        frame.topic = topicField('t');
        frame.source = neutralToPublishProperties(isLong ? more : message);
        frame.payloadStart = frame.source.length;
        frame.payloadEnd = frame.source.length;
        const packet = Buffer.alloc(frame.bytes);
        frame.write(packet, 0);
        new PublishScan(Infinity).scan(packet, 0, packet.length, 5);
      }),
    );
  });

  it('are of QoS 1, unless they are not persistent', () => {
    const qosOf = (persistent?: boolean) =>
      storedQos(
        mqttFormat.fromNeutral(
          persistent === undefined ? { headers: [] } : { headers: [], persistent },
          0,
        ),
        0,
      );
    expect([qosOf(), qosOf(true), qosOf(false)]).toEqual([1, 1, 0]);
  });
});

describe('properties of other protocols, remembered', () => {
  it('are those of the message, whatever was asked for before', () => {
    let translations = 0;
    const formats = new MessageFormats([
      {
        ...mqttFormat,
        id: 9,
        name: 'counted',
        toNeutral: (bytes) => {
          translations += 1;
          return { headers: [{ name: 'n', value: bytes.toString('hex') }] };
        },
      },
    ]);
    const foreign = new ForeignProperties(formats);
    const ask = (bytes: Buffer) => {
      const buffer = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')]);
      return foreign.of(9, buffer, 2, 2 + bytes.length);
    };
    const expected = (bytes: Buffer) =>
      publishProperties({ userProperties: [['n', bytes.toString('hex')]] });
    fc.assert(
      fc.property(fc.array(binaries, { maxLength: 20 }), (list) => {
        for (const bytes of [...list, ...list]) expect(ask(bytes)).toEqual(expected(bytes));
      }),
    );
    ask(Buffer.from('known'));
    const before = translations;
    for (let count = 0; count < 10; count++) ask(Buffer.from('known'));
    expect(translations).toBe(before);
  });

  it('are not mixed up between formats', () => {
    const foreign = new ForeignProperties(new MessageFormats([mqttFormat]));
    const bytes = writeNeutral({ headers: [{ name: 'a', value: 'b' }] });
    const first = foreign.of(0, bytes, 0, bytes.length);
    expect(foreign.of(0, bytes, 0, bytes.length)).toBe(first);
    expect(read(first).headers).toEqual([{ name: 'a', value: 'b' }]);
    const other = stored({ userProperties: [['c', 'd']] });
    expect(read(foreign.of(3, other, 0, other.length)).headers).toEqual([
      { name: 'c', value: 'd' },
    ]);
  });
});
