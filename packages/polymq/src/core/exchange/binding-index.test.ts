import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BindingIndex } from './binding-index.ts';
import { LiveBinding, QueueEnd, StreamSource } from './live-binding.ts';

const ends = [1, 2, 3].map((id) => new QueueEnd('', `q${id}`, id));
const places = fc.record({
  routingKey: fc.constantFrom('', 'a', 'b'),
  end: fc.constantFrom(...ends),
  argumentsText: fc.constantFrom('', '{"x":1}', '{"x":2}'),
  remove: fc.boolean(),
});

describe('binding index', () => {
  it('holds what was added and not removed', () => {
    const property = fc.property(fc.array(places, { maxLength: 60 }), (steps) => {
      const index = new BindingIndex();
      const source = new StreamSource('', 's', index);
      const model = new Map<string, LiveBinding>();
      for (const { routingKey, end, argumentsText, remove } of steps) {
        const key = `${routingKey}/${end.name}/${argumentsText}`;
        const known = index.get(routingKey, end, argumentsText);
        expect(known).toBe(model.get(key));
        if (remove && known !== undefined) {
          index.delete(known);
          model.delete(key);
        } else if (!remove && known === undefined) {
          const rule = { routingKey, argumentsText, durable: true };
          const binding = new LiveBinding(source, end, rule);
          index.add(binding);
          model.set(key, binding);
        }
        expect(index.size).toBe(model.size);
        expect(new Set(index.list())).toEqual(new Set(model.values()));
        const withKey: LiveBinding[] = [];
        index.visitKey(routingKey, { visit: (binding) => withKey.push(binding) });
        const expected = [...model.values()].filter((one) => one.routingKey === routingKey);
        expect(new Set(withKey)).toEqual(new Set(expected));
        expect(index.hasKey(routingKey)).toBe(expected.length > 0);
      }
    });
    fc.assert(property);
  });
});
