import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import { MemoryDriver } from '../../driver/testing/memory-driver.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import { encrypt } from './encrypt.ts';
import { type Signing, sign } from './sign.ts';

const ALICE = generateKeyPairSync('ed25519');
const BOB = generateKeyPairSync('ed25519');

const MESSAGE: WireMessage = {
  id: 'id-1',
  body: Buffer.from('{"amount":10}'),
  contentType: 'application/json',
  type: 'Paid',
  headers: { tenant: 'acme', note: 'x', 'polymq-version': '2' },
  key: 'order-1',
  timestampMs: 1_700_000_000_123,
  correlationId: 'c',
};

const place = { kind: 'queue', name: 'q', engine: 'Memory', system: 'memory' } as const;
const signed = (by: Signing, message: WireMessage = MESSAGE): WireMessage =>
  by.outgoing!(message, place) as WireMessage;
const verify = (by: Signing, message: WireMessage): WireMessage =>
  by.incoming!(message, place) as WireMessage;
const alice = (headers: readonly string[] = []): Signing =>
  sign({ key: { id: 'alice', key: ALICE.privateKey }, headers });
const refused = expect.objectContaining({ code: 'signature-invalid', retryable: false });
const invalid = expect.objectContaining({ code: 'invalid-argument' });

describe('sign', () => {
  it('lets any message pass as it was signed', () => {
    const reader = sign({ keys: { alice: ALICE.publicKey } });
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(
        fc.record({
          body: fc.uint8Array({ maxLength: 100 }),
          contentType: text,
          type: fc.option(text, { nil: undefined }),
          key: fc.option(text, { nil: undefined }),
          // Objects have no place for a property `__proto__`, and nobody sends such a header.
          headers: fc.dictionary(
            text.filter((name) => name !== '__proto__'),
            text,
          ),
        }),
        (parts) => {
          const message = { ...MESSAGE, ...parts };
          expect(verify(reader, signed(alice(), message))).toEqual(message);
        },
      ),
    );
  });

  it('finds every changed bit, every cut and every added byte of the body', () => {
    const both = alice();
    const message = signed(both);
    for (let index = 0; index < message.body.length; index += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const body = Buffer.from(message.body);
        body[index] = body[index]! ^ (1 << bit);
        expect(() => verify(both, { ...message, body }), `${index}, ${bit}`).toThrow(refused);
      }
      const cut = { ...message, body: message.body.subarray(0, index) };
      expect(() => verify(both, cut)).toThrow(refused);
    }
    const longer = { ...message, body: Buffer.concat([message.body, Buffer.of(0)]) };
    expect(() => verify(both, longer)).toThrow(refused);
  });

  it('finds every changed character of the signature', () => {
    const both = alice(['tenant']);
    const message = signed(both);
    const text = message.headers['polymq-signature']!;
    for (let index = 0; index < text.length; index += 1) {
      for (const other of ['A', 'b', '%', ' ', '=', 'é']) {
        if (text[index] === other) continue;
        const changed = text.slice(0, index) + other + text.slice(index + 1);
        const headers = { ...message.headers, 'polymq-signature': changed };
        expect(() => verify(both, { ...message, headers }), changed).toThrow(refused);
      }
    }
  });

  it('finds another id, type, key, content type, time, version and signed header', () => {
    const both = alice(['tenant', 'absent']);
    const message = signed(both);
    const { tenant: _, ...others } = message.headers;
    const changes: Partial<WireMessage>[] = [
      { id: 'id-2' },
      { type: 'Refunded' },
      { type: undefined },
      { key: 'order-2' },
      { key: undefined },
      { contentType: 'text/plain' },
      { timestampMs: MESSAGE.timestampMs + 1 },
      { headers: { ...message.headers, tenant: 'other' } },
      { headers: { ...message.headers, absent: '' } },
      { headers: { ...message.headers, 'polymq-version': '3' } },
      { headers: others },
    ];
    for (const change of changes) {
      expect(() => verify(both, { ...message, ...change }), JSON.stringify(change)).toThrow(
        refused,
      );
    }
  });

  it('lets pass what the way of a message changes: attempts, and headers that are not signed', () => {
    const both = alice(['tenant']);
    const message = signed(both);
    const headers = { ...message.headers, note: 'y', traceparent: '0', 'polymq-attempts': '3' };
    expect(verify(both, { ...message, headers, replyTo: 'r' }).body).toEqual(MESSAGE.body);
  });

  it('refuses messages that are unsigned, by strangers, or under a wrong name', () => {
    const reader = sign({ keys: { alice: ALICE.publicKey } });
    expect(() => verify(reader, MESSAGE)).toThrow(refused);
    const bob = sign({ key: { id: 'bob', key: BOB.privateKey } });
    expect(() => verify(reader, signed(bob))).toThrow(/"bob".*"alice"/);
    const pretender = sign({ key: { id: 'alice', key: BOB.privateKey } });
    expect(() => verify(reader, signed(pretender))).toThrow(refused);
    const lenient = sign({ keys: { alice: ALICE.publicKey }, allowUnsigned: true });
    expect(verify(lenient, MESSAGE)).toBe(MESSAGE);
    expect(() => verify(lenient, signed(bob))).toThrow(refused);
  });

  it('refuses messages in which a header is not signed that must be', () => {
    const reader = sign({ keys: { alice: ALICE.publicKey }, headers: ['tenant'] });
    expect(() => verify(reader, signed(alice()))).toThrow(/"tenant" is not signed/);
    expect(verify(reader, signed(alice(['note', 'tenant'])))).toEqual(MESSAGE);
  });

  it('rotates keys while messages of the old one are on their way', () => {
    const [sender, reader] = [alice(), sign({ keys: { alice: ALICE.publicKey } })];
    const old = signed(sender);
    reader.add('alice-2', BOB.publicKey);
    sender.use('alice-2', BOB.privateKey);
    const fresh = signed(sender);
    for (const message of [old, fresh]) expect(verify(reader, message)).toEqual(MESSAGE);
    reader.forget('alice');
    expect(() => verify(reader, old)).toThrow(refused);
    expect(verify(reader, fresh)).toEqual(MESSAGE);
  });

  it('takes keys as PEM', () => {
    const pem = ALICE.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const publicPem = ALICE.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const message = signed(sign({ key: { id: 'alice', key: pem } }));
    expect(verify(sign({ keys: { alice: publicPem } }), message)).toEqual(MESSAGE);
  });

  it('refuses keys that are none, and to send without one', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(() => sign({ keys: { a: rsa.publicKey } })).toThrow(invalid);
    expect(() => sign({ keys: { a: 'no PEM' } })).toThrow(invalid);
    expect(() => sign({ key: { id: 'a', key: ALICE.publicKey } })).toThrow(invalid);
    expect(() => sign({ keys: { a: ALICE.privateKey } })).toThrow(invalid);
    const mixed = { key: { id: 'a', key: ALICE.privateKey }, keys: { a: BOB.publicKey } };
    expect(() => sign(mixed)).toThrow(invalid);
    expect(() => signed(sign({ keys: { alice: ALICE.publicKey } }))).toThrow(invalid);
  });
});

describe('sign in a client', () => {
  it('makes a dead letter of what is not signed, and keeps signatures over retries', async () => {
    const driver = new MemoryDriver();
    const reader = createClient(driver, { interceptors: [alice()], onError: () => {} });
    const queue = reader.queue('q');
    await createClient(driver).queue('q').send('forged');
    expect(await queue.receive()).toBeUndefined();
    const [letter] = await queue.deadLetters.list();
    expect(letter?.reason).toContain('signature invalid');
    await queue.send('true');
    await (await queue.receive())?.nack({ delay: 0 });
    expect((await queue.receive())?.data).toBe('true');
  });

  it('goes together with encryption, in either order', async () => {
    const encryption = encrypt({ keys: { k: Buffer.alloc(32, 1) }, use: 'k' });
    for (const interceptors of [
      [alice(), encryption],
      [encryption, alice()],
    ]) {
      const mq = createClient(new MemoryDriver(), { interceptors });
      const queue = mq.queue('q');
      await queue.send({ secret: 1 });
      const message = await queue.receive();
      expect(message?.data).toEqual({ secret: 1 });
      await queue.send(message!);
      expect((await queue.receive())?.data).toEqual({ secret: 1 });
    }
  });
});
