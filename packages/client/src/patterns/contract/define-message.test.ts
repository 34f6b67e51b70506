import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { WireMessage } from '../../message/wire-message.ts';
import { avro } from './avro.ts';
import { type DefinedMessage, defineMessage } from './define-message.ts';
import { jsonSchema } from './json-schema.ts';

interface Order {
  orderId: string;
  amount: number;
}
const order: Order = { orderId: '1', amount: 3 };

const DOCUMENT = {
  type: 'object',
  properties: { orderId: { type: 'string' }, amount: { type: 'number' } },
  required: ['orderId', 'amount'],
  additionalProperties: false,
};
const AVRO = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'orderId', type: 'string' },
    { name: 'amount', type: 'double' },
  ],
};

async function sent<T>(contract: DefinedMessage<T>, data: T): Promise<WireMessage> {
  const { body, contentType, headers = {} } = await contract.encode(data);
  return { id: 'm1', body, contentType, headers, type: contract.name, timestampMs: 0 };
}

const kinds: [string, () => DefinedMessage<Order>][] = [
  ['zod', () => defineMessage('order', z.object({ orderId: z.string(), amount: z.number() }))],
  ['valibot', () => defineMessage('order', v.object({ orderId: v.string(), amount: v.number() }))],
  ['arktype', () => defineMessage('order', type({ orderId: 'string', amount: 'number' }))],
  ['JSON Schema', () => defineMessage('order', jsonSchema<Order>(DOCUMENT))],
  [
    'JSON Schema of draft 7',
    () =>
      defineMessage(
        'order',
        jsonSchema<Order>({ $schema: 'http://json-schema.org/draft-07/schema#', ...DOCUMENT }),
      ),
  ],
  ['Avro', () => defineMessage('order', avro<Order>(AVRO))],
];

describe.each(kinds)('a contract by %s', (_name, make) => {
  it('gives back what was sent', async () => {
    const contract = make();
    const message = await sent(contract, order);
    expect(message.headers).toEqual({ 'polymq-version': '1' });
    // Avro makes records of a class of its own.
    expect({ ...(await contract.decode(message)) }).toEqual(order);
  });

  it('refuses to send what does not match, and names the place', async () => {
    const wrong = { orderId: '1', amount: 'three' } as unknown as Order;
    await expect(async () => make().encode(wrong)).rejects.toMatchObject({
      code: 'invalid-message',
      message: expect.stringMatching(/order: .*amount/),
    });
  });

  it('refuses to read what does not match', async () => {
    const message = await sent(make(), order);
    const torn = { ...message, body: message.body.subarray(0, message.body.length - 3) };
    await expect(async () => make().decode(torn)).rejects.toMatchObject({
      code: 'invalid-message',
    });
  });
});

describe('versions of a contract', () => {
  const v1 = defineMessage('order', z.object({ orderId: z.string(), amount: z.number() }));
  const v3 = defineMessage(
    'order',
    z.object({ id: z.string(), cents: z.number().int(), currency: z.string() }),
    {
      version: 3,
      upcast: {
        1: (old: Order) => ({ id: old.orderId, amount: old.amount }),
        2: ({ id, amount }: { id: string; amount: number }) => {
          return { id, cents: amount * 100, currency: 'EUR' };
        },
      },
    },
  );

  it('lifts old messages step by step', async () => {
    expect(v3.readable).toEqual([1, 2, 3]);
    expect(await v3.decode(await sent(v1, order))).toEqual({
      id: '1',
      cents: 300,
      currency: 'EUR',
    });
  });

  it('takes a message without a version for the first one', async () => {
    const message = { ...(await sent(v1, order)), headers: {} };
    expect(await v3.decode(message)).toMatchObject({ cents: 300 });
  });

  it('refuses a newer version, and says what to do', async () => {
    const message = await sent(v3, { id: '1', cents: 1, currency: 'EUR' });
    await expect(async () => v1.decode(message)).rejects.toThrow(
      /has version 3, and this program reads 1: deploy the newer contract here/,
    );
  });

  it('refuses a version that nothing leads from', async () => {
    const v2 = defineMessage('order', z.object({ orderId: z.string() }), { version: 2 });
    await expect(async () => v2.decode(await sent(v1, order))).rejects.toThrow(
      /give its upcast: \{ 1: \(old\) => … \}/,
    );
  });

  it('says so when an upcast throws, or makes what the schema refuses', async () => {
    const bad = defineMessage('order', z.object({ id: z.string() }), {
      version: 2,
      upcast: { 1: () => JSON.parse('{') },
    });
    await expect(async () => bad.decode(await sent(v1, order))).rejects.toThrow(
      /the upcast from version 1 failed/,
    );
    const wrong = defineMessage('order', z.object({ id: z.string() }), {
      version: 2,
      upcast: { 1: () => ({ id: 1 }) },
    });
    await expect(async () => wrong.decode(await sent(v1, order))).rejects.toThrow(/order: id: /);
  });

  it('refuses steps that lead nowhere', () => {
    const schema = z.object({});
    const upcast = { 1: (old: unknown) => old };
    expect(() => defineMessage('order', schema, { version: 3, upcast })).toThrow(/leads nowhere/);
    expect(() => defineMessage('order', schema, { version: 0 })).toThrow(/count from 1/);
  });

  it('reads old Avro by its own schema, resolved or lifted', async () => {
    const old = defineMessage('order', avro<Order>(AVRO));
    const document = {
      ...AVRO,
      fields: [...AVRO.fields, { name: 'currency', type: 'string', default: 'EUR' }],
    };
    const resolved = defineMessage('order', avro<Order & { currency: string }>(document), {
      version: 2,
      writers: { 1: AVRO },
    });
    expect({ ...(await resolved.decode(await sent(old, order))) }).toEqual({
      ...order,
      currency: 'EUR',
    });
    const lifted = defineMessage('order', avro<Order & { currency: string }>(document), {
      version: 2,
      writers: { 1: AVRO },
      upcast: { 1: (before: Order) => ({ ...before, currency: 'USD' }) },
    });
    expect({ ...(await lifted.decode(await sent(old, order))) }).toEqual({
      ...order,
      currency: 'USD',
    });
    const unknown = defineMessage('order', avro<Order>(AVRO), {
      version: 2,
      upcast: { 1: (before: Order) => before },
    });
    await expect(async () => unknown.decode(await sent(old, order))).rejects.toThrow(
      /whose schema is unknown: give writers/,
    );
  });
});

describe('data that JSON has no form for', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  it.each([
    ['a BigInt', { n: 1n }],
    ['a cycle', cyclic],
    ['a function', () => 1],
  ])('is refused as an invalid message: %s', async (_what, data) => {
    const contract = defineMessage('any', z.any());
    const refused = expect(sent(contract, data)).rejects;
    await refused.toMatchObject({
      code: 'invalid-message',
      message: expect.stringContaining('any: the data has no JSON form'),
    });
  });
});
