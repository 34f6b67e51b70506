import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { avro } from './avro.ts';
import { defineMessage } from './define-message.ts';
import { jsonProblems } from './json-compatibility.ts';
import { jsonSchema } from './json-schema.ts';
import { contractRegistry, memoryRegistry } from './registry.ts';

const object = (properties: object, more: object = {}): Record<string, unknown> => {
  return { type: 'object', properties, additionalProperties: false, ...more };
};
const text = { type: 'string' };

describe('comparing JSON Schemas', () => {
  it.each<[string, unknown, unknown]>([
    ['an optional field more', object({ a: text }), object({ a: text, b: text })],
    ['a field that is optional now', object({ a: text }, { required: ['a'] }), object({ a: text })],
    ['a type more', text, { type: ['string', 'null'] }],
    ['numbers for integers', { type: 'integer' }, { type: 'number' }],
    ['a value more', { enum: ['a'] }, { enum: ['a', 'b'] }],
    ['one value of a type', { const: 'a' }, text],
    ['a wider bound', { type: 'string', maxLength: 5 }, { type: 'string', maxLength: 6 }],
    ['an alternative more', { anyOf: [text] }, { anyOf: [text, { type: 'null' }] }],
    ['another title', { ...text, title: 'a' }, { ...text, title: 'b' }],
    ['a reference for what it names', text, { $ref: '#/$defs/t', $defs: { t: text } }],
    ['the same pattern', { ...text, pattern: 'a' }, { pattern: 'a', ...text }],
    ['anything', text, true],
  ])('lets %s pass', (_name, writer, reader) => {
    expect(jsonProblems(writer, reader)).toEqual([]);
  });

  it.each<[string, unknown, unknown, RegExp]>([
    [
      'a required field more',
      object({}),
      object({ b: text }, { required: ['b'] }),
      /b is required/,
    ],
    ['a field less', object({ a: text, b: text }), object({ a: text }), /b is not allowed/],
    [
      'another type',
      object({ a: text }),
      object({ a: { type: 'number' } }),
      /a may not be of type/,
    ],
    ['a value less', { enum: ['a', 'b'] }, { enum: ['a'] }, /may not be "b"/],
    ['values for a type', text, { enum: ['a'] }, /limited to some values/],
    ['integers for numbers', { type: 'number' }, { type: 'integer' }, /type number/],
    ['a tighter bound', { type: 'number' }, { type: 'number', minimum: 1 }, /tighter minimum/],
    [
      'another item',
      { type: 'array', items: text },
      { type: 'array', items: object({}) },
      /\[\] may/,
    ],
    ['an alternative less', { anyOf: [text, { type: 'null' }] }, text, /type null/],
    ['another pattern', text, { ...text, pattern: 'a' }, /another pattern/],
    ['a type for anything', {}, text, /must be string now/],
    ['a closed object', { type: 'object' }, object({}), /no further properties/],
    [
      'what a reference hides',
      { $ref: '#/$defs/t', $defs: { t: text } },
      { $ref: '#/$defs/t', $defs: { t: { type: 'number' } } },
      /type string/,
    ],
    [
      'a type inside further properties',
      { type: 'object', additionalProperties: text },
      { type: 'object', properties: { a: { type: 'number' } } },
      /a may not be of type string/,
    ],
  ])('refuses %s', (_name, writer, reader, reason) => {
    expect(jsonProblems(writer, reader).join('\n')).toMatch(reason);
  });

  it('ends for schemas that refer to themselves', () => {
    const tree = (leaf: object): unknown => ({
      type: 'object',
      properties: { leaf, children: { type: 'array', items: { $ref: '#' } } },
    });
    expect(jsonProblems(tree(text), tree(text))).toEqual([]);
    expect(jsonProblems(tree(text), tree({ type: 'number' })).join()).toMatch(/leaf may not/);
  });
});

describe('the registry', () => {
  const v1 = defineMessage('order', z.object({ orderId: z.string() }));
  const optional = defineMessage(
    'order',
    z.object({ orderId: z.string(), note: z.string().optional() }),
    { version: 2 },
  );
  const breaking = z.object({ id: z.string() });

  it('takes a contract again and again, and its compatible successor', async () => {
    const registry = contractRegistry(memoryRegistry());
    await registry.register(v1, v1, optional, v1);
    expect(await registry.check(optional)).toEqual([]);
  });

  it('refuses another schema under the same version', async () => {
    const registry = contractRegistry(memoryRegistry());
    await registry.register(v1);
    await expect(registry.register(defineMessage('order', breaking))).rejects.toMatchObject({
      code: 'incompatible-contract',
      message: expect.stringContaining('count the version up'),
    });
  });

  it('refuses a version that cannot read the one before, unless it lifts it', async () => {
    const registry = contractRegistry(memoryRegistry());
    await registry.register(v1);
    await expect(
      registry.register(defineMessage('order', breaking, { version: 2 })),
    ).rejects.toThrow(/id is required now.*give the new version an upcast/);
    const upcast = { 1: ({ orderId }: { orderId: string }) => ({ id: orderId }) };
    await registry.register(defineMessage('order', breaking, { version: 2, upcast }));
  });

  it('looks at old readers, too, if asked to', async () => {
    const registry = contractRegistry(memoryRegistry(), { compatibility: 'full' });
    await registry.register(v1);
    await expect(registry.register(optional)).rejects.toThrow(/for the old readers note/);
  });

  it('refuses an old version that it never saw', async () => {
    const registry = contractRegistry(memoryRegistry());
    await registry.register(optional);
    await expect(registry.register(v1)).rejects.toThrow(/version 1 never was/);
  });

  it("compares Avro by Avro's rules", async () => {
    const record = (fields: unknown[]) => ({ type: 'record', name: 'Order', fields });
    const id = { name: 'id', type: 'string' };
    const registry = contractRegistry(memoryRegistry());
    await registry.register(defineMessage('a', avro(record([id]))));
    const wrong = avro(record([id, { name: 'b', type: 'string' }]));
    await expect(
      registry.register(defineMessage('a', wrong, { version: 2 })),
    ).rejects.toMatchObject({
      code: 'incompatible-contract',
    });
    const right = avro(record([id, { name: 'b', type: 'string', default: '' }]));
    await registry.register(defineMessage('a', right, { version: 2 }));
    await expect(
      registry.register(defineMessage('a', jsonSchema({ type: 'object' }), { version: 3 })),
    ).rejects.toThrow(/language changed/);
  });

  it('refuses what cannot describe itself', async () => {
    const opaque = {
      '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) },
    } as const;
    const registry = contractRegistry(memoryRegistry());
    await expect(registry.register(defineMessage('a', opaque))).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });

  it('decides again when somebody else was faster', async () => {
    const store = memoryRegistry();
    const rival = contractRegistry(store);
    let interfered = false;
    const registry = contractRegistry({
      list: (name) => store.list(name),
      async add(contract, known) {
        if (!interfered) {
          interfered = true;
          await rival.register(optional);
        }
        return store.add(contract, known);
      },
    });
    await expect(registry.register(v1)).rejects.toThrow(/version 1 never was/);
  });
});
