import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import { MemoryDriver } from '../../driver/testing/memory-driver.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import { type Encryption, encrypt } from './encrypt.ts';

const KEY = Buffer.alloc(32, 1);
const OTHER = Buffer.alloc(32, 2);

const MESSAGE: WireMessage = {
  id: 'id-1',
  body: Buffer.from('{"card":"4111"}'),
  contentType: 'application/json',
  type: 'Paid',
  headers: { tenant: 'acme', note: 'x', 'polymq-version': '2' },
  key: 'order-1',
  timestampMs: 1_700_000_000_123,
};

const place = { kind: 'queue', name: 'q', engine: 'Memory', system: 'memory' } as const;
const seal = (by: Encryption, message: WireMessage = MESSAGE): WireMessage =>
  by.outgoing!(message, place) as WireMessage;
const open = (by: Encryption, message: WireMessage): WireMessage =>
  by.incoming!(message, place) as WireMessage;
const withBody = (message: WireMessage, change: (body: Buffer) => void): WireMessage => {
  const body = Buffer.from(message.body);
  change(body);
  return { ...message, body };
};
const refused = expect.objectContaining({ code: 'decryption-failed', retryable: false });

describe('encrypt', () => {
  it('brings back any message', () => {
    const both = encrypt({ keys: { k: KEY }, use: 'k', headers: ['a', 'not there'] });
    const text = fc.string({ unit: 'grapheme' });
    // Objects have no place for a property of this name, and nobody sends such a header.
    const name = text.filter((each) => each !== '__proto__');
    fc.assert(
      fc.property(
        fc.record({
          body: fc.uint8Array({ maxLength: 300 }),
          contentType: text,
          type: fc.option(text, { nil: undefined }),
          key: fc.option(text, { nil: undefined }),
          headers: fc.dictionary(name, text),
        }),
        (parts) => {
          const message = { ...MESSAGE, ...parts };
          const opened = open(both, seal(both, message));
          expect({ ...opened, body: [...opened.body] }).toEqual({
            ...message,
            body: [...message.body],
          });
        },
      ),
    );
  });

  it('shows nothing of data and content type', () => {
    const sealed = seal(encrypt({ keys: { k: KEY }, use: 'k' }));
    const all = Buffer.from(sealed.body).toString('latin1') + JSON.stringify(sealed.headers);
    for (const secret of ['card', '4111', 'json']) expect(all).not.toContain(secret);
    expect(sealed).toMatchObject({
      contentType: 'application/octet-stream',
      id: 'id-1',
      key: 'order-1',
      type: 'Paid',
      headers: { tenant: 'acme' },
    });
  });

  it('never makes the same bytes twice', () => {
    const both = encrypt({ keys: { k: KEY }, use: 'k' });
    const bodies = Array.from({ length: 1000 }, () => Buffer.from(seal(both).body).toString('hex'));
    expect(new Set(bodies).size).toBe(1000);
    expect(new Set(bodies.map((hex) => hex.slice(2, 26))).size).toBe(1000);
  });

  it('finds every changed bit, every cut and every added byte', () => {
    const both = encrypt({ keys: { k: KEY }, use: 'k' });
    const sealed = seal(both);
    for (let index = 0; index < sealed.body.length; index += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = withBody(sealed, (body) => {
          body[index] = body[index]! ^ (1 << bit);
        });
        expect(() => open(both, changed), `byte ${index}, bit ${bit}`).toThrow(refused);
      }
      const cut = { ...sealed, body: sealed.body.subarray(0, index) };
      expect(() => open(both, cut), `cut at ${index}`).toThrow(refused);
    }
    const longer = { ...sealed, body: Buffer.concat([sealed.body, Buffer.of(0)]) };
    expect(() => open(both, longer)).toThrow(refused);
  });

  it('finds a body under another type, key, version or bound header', () => {
    const both = encrypt({ keys: { k: KEY }, use: 'k', headers: ['tenant'] });
    const sealed = seal(both);
    const { tenant: _, ...others } = sealed.headers;
    const changes: Partial<WireMessage>[] = [
      { type: 'Refunded' },
      { type: undefined },
      { key: 'order-2' },
      { key: undefined },
      { headers: { ...sealed.headers, tenant: 'other' } },
      { headers: { ...sealed.headers, 'polymq-version': '3' } },
      { headers: { ...sealed.headers, 'polymq-encrypted': 'k' } },
      { headers: { ...sealed.headers, 'polymq-encrypted': 'k note tenant' } },
      { headers: { ...sealed.headers, 'polymq-encrypted': '%' } },
      { headers: others },
    ];
    for (const change of changes) {
      expect(() => open(both, { ...sealed, ...change }), JSON.stringify(change)).toThrow(refused);
    }
  });

  it('lets pass what the way of a message changes: attempts, and headers that are not bound', () => {
    const both = encrypt({ keys: { k: KEY }, use: 'k', headers: ['tenant'] });
    const sealed = seal(both);
    const headers = { ...sealed.headers, note: 'y', traceparent: '00-1', 'polymq-attempts': '3' };
    expect(Buffer.from(open(both, { ...sealed, headers }).body)).toEqual(MESSAGE.body);
  });

  it('refuses messages of unknown and wrong keys, naming the id', () => {
    const sealed = seal(encrypt({ keys: { k1: KEY }, use: 'k1' }));
    expect(() => open(encrypt({ keys: { k1: OTHER } }), sealed)).toThrow(refused);
    const without = encrypt({ keys: { k2: KEY } });
    expect(() => open(without, sealed)).toThrow(refused);
    expect(() => open(without, sealed)).toThrow(/"k1".*"k2"/);
  });

  it('refuses what is not encrypted, unless that is allowed', () => {
    expect(() => open(encrypt({ keys: { k: KEY } }), MESSAGE)).toThrow(refused);
    expect(open(encrypt({ keys: { k: KEY }, allowPlain: true }), MESSAGE)).toBe(MESSAGE);
  });

  it('rotates keys while messages of the old one are on their way', () => {
    const [sender, reader] = [
      encrypt({ keys: { a: KEY }, use: 'a' }),
      encrypt({ keys: { a: KEY } }),
    ];
    const old = seal(sender);
    reader.add('b', OTHER);
    sender.add('b', OTHER);
    sender.use('b');
    const fresh = seal(sender);
    expect([old, fresh].map((message) => message.headers['polymq-encrypted'])).toEqual(['a', 'b']);
    for (const message of [old, fresh]) expect(open(reader, message).body).toEqual(MESSAGE.body);
    reader.forget('a');
    expect(() => open(reader, old)).toThrow(refused);
    expect(open(reader, fresh).body).toEqual(MESSAGE.body);
    sender.forget('b');
    expect(() => seal(sender)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  it('takes keys as bytes, base64 and key objects', () => {
    const key = randomBytes(32);
    const sealed = seal(encrypt({ keys: { k: key }, use: 'k' }));
    for (const same of [key.toString('base64'), createSecretKey(key), new Uint8Array(key)]) {
      expect(open(encrypt({ keys: { k: same } }), sealed).body).toEqual(MESSAGE.body);
    }
  });

  it.each([
    ['a short key', { keys: { k: Buffer.alloc(16) } }],
    ['a password', { keys: { k: 'secret' } }],
    ['an id with a space', { keys: { 'my key': KEY } }],
    ['a key that is not there', { keys: { k: KEY }, use: 'other' }],
    ['a header of the SDK', { keys: { k: KEY }, headers: ['polymq-attempts'] }],
    ['a header without a name', { keys: { k: KEY }, headers: [''] }],
  ])('refuses %s', (_, options) => {
    expect(() => encrypt(options)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  it('refuses another key under an id in use, and to send without one', () => {
    const both = encrypt({ keys: { k: KEY } });
    const invalid = expect.objectContaining({ code: 'invalid-argument' });
    expect(() => both.add('k', OTHER)).toThrow(invalid);
    expect(() => seal(both)).toThrow(invalid);
  });
});

describe('encrypt in a client', () => {
  it('stores nothing readable, and hands out data', async () => {
    const driver = new MemoryDriver();
    const mq = createClient(driver, { interceptors: [encrypt({ keys: { k: KEY }, use: 'k' })] });
    const queue = mq.queue<{ card: string }>('payments');
    await queue.send({ card: '4111' }, { key: 'order-1' });
    const [stored] = await driver.peek('payments', 1);
    expect(Buffer.from(stored!.body).toString('latin1')).not.toContain('4111');
    const message = await queue.receive();
    expect(message?.data).toEqual({ card: '4111' });
    await message?.nack({ delay: 0, reason: 'again' });
    const again = await queue.receive();
    expect(again).toMatchObject({ retryCount: 1, data: { card: '4111' } });
    await mq.queue('other').send(again!);
    expect((await mq.queue<{ card: string }>('other').receive())?.data).toEqual({ card: '4111' });
    await mq.close();
  });

  it('makes a dead letter of what it cannot decrypt, which can be redriven with the key', async () => {
    const driver = new MemoryDriver();
    const sender = createClient(driver, {
      interceptors: [encrypt({ keys: { b: OTHER }, use: 'b' })],
    });
    const encryption = encrypt({ keys: { a: KEY }, use: 'a' });
    const reader = createClient(driver, { interceptors: [encryption], onError: () => {} });
    await sender.queue('q').send('secret');
    const queue = reader.queue('q');
    expect(await queue.receive()).toBeUndefined();
    const [letter] = await queue.deadLetters.list();
    expect(letter?.reason).toContain('decryption failed');
    expect(letter?.reason).toContain('"b"');
    expect(letter?.data).toBeUndefined();
    encryption.add('b', OTHER);
    expect((await queue.deadLetters.list())[0]?.data).toBe('secret');
    await queue.deadLetters.redrive();
    expect((await queue.receive())?.data).toBe('secret');
  });
});
