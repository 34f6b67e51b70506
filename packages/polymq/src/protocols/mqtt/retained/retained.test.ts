import { describe, expect, it } from 'vitest';
import { MessageDraft } from '../../../core/message/message-draft.ts';
import { openRetained } from '../../../core/retained/testing/kit.ts';
import { SimulatedClock } from '../../../lib/environment/simulated/simulated-clock.ts';
import { createMemoryEngine } from '../../../log/memory/memory-engine.ts';
import { exchangeOf, routingKeyOf } from '../topics.ts';
import { type MadeMessages, Retained, wantsRetained } from './retained.ts';

async function open(system?: MadeMessages) {
  const clock = new SimulatedClock();
  const engine = createMemoryEngine({ timers: clock });
  const kit = await openRetained(engine, clock);
  return {
    clock,
    messages: kit.retained,
    retained: new Retained({ messages: kit.retained, clock, system }),
    restart: async () => {
      await kit.close();
      const again = await openRetained(engine, clock);
      return new Retained({ messages: again.retained, clock });
    },
  };
}

function draft(topic: string, payload: string, ttlMs = -1): MessageDraft {
  const made = new MessageDraft();
  made.ttlMs = ttlMs;
  made.setNames(exchangeOf(topic), routingKeyOf(topic));
  made.setContent(Buffer.from([6, 1, 1]), Buffer.from(payload));
  return made;
}

async function shown(retained: Retained, filter: string): Promise<string[]> {
  const found: string[] = [];
  await retained.show(exchangeOf(filter), routingKeyOf(filter), (view, expiryS) => {
    found.push(`${view.routingKey} ${view.body} ${expiryS}`);
    return true;
  });
  return found.sort();
}

describe('retained messages of MQTT', () => {
  it('are the newest of each topic, until one without payload comes', async () => {
    const { retained, messages } = await open();
    retained.keep(draft('a/b', '1'));
    retained.keep(draft('a/b', '2'));
    retained.keep(draft('a/c', '3'));
    expect(await shown(retained, 'a/+')).toEqual(['a.b 2 -1', 'a.c 3 -1']);
    expect(await shown(retained, 'a/b/#')).toEqual(['a.b 2 -1']);
    retained.keep(draft('a/b', ''));
    retained.keep(draft('none', ''));
    expect(await shown(retained, '#')).toEqual(['a.c 3 -1']);
    expect(messages.count).toBe(1);
  });

  it('are durable also with QoS 0, with the properties they came with', async () => {
    const { retained, restart } = await open();
    const kept = draft('a', '1');
    retained.keep(kept);
    expect(kept.persistent).toBe(false);
    const again = await restart();
    const properties: Buffer[] = [];
    await again.show(exchangeOf('a'), 'a', (view) => {
      properties.push(Buffer.from(view.properties));
      return true;
    });
    expect(properties).toEqual([Buffer.from([6, 1, 1])]);
  });

  it('are apart from those of topics that begin with $', async () => {
    const { retained } = await open();
    retained.keep(draft('$mine/x', '1'));
    retained.keep(draft('x', '2'));
    expect(await shown(retained, '#')).toEqual(['x 2 -1']);
    expect(await shown(retained, '+/x')).toEqual([]);
    expect(await shown(retained, '$mine/#')).toEqual(['$mine.x 1 -1']);
  });

  it('come with what is left of their time, in seconds that have begun', async () => {
    const { retained, clock } = await open();
    retained.keep(draft('a', '1', 10_000));
    clock.advance(3_500);
    expect(await shown(retained, 'a')).toEqual(['a 1 7']);
    clock.advance(7_000);
    expect(await shown(retained, 'a')).toEqual([]);
  });

  it('come after what the broker says of itself, at the pace of the reader', async () => {
    let go: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    const order: string[] = [];
    const { retained } = await open({
      visit: (pattern) => {
        order.push(`made ${pattern}`);
        return wait;
      },
    });
    retained.keep(draft('$a/x', '1'));
    expect(await shown(retained, 'a/x')).toEqual([]);
    const all = shown(retained, '$a/+').then((found) => order.push(...found));
    await Promise.resolve();
    expect(order).toEqual(['made $a.*']);
    go();
    await all;
    expect(order).toEqual(['made $a.*', '$a.x 1 -1']);
  });

  it('are wanted as the retain handling says, and never by shared subscriptions', () => {
    expect([0, 1, 2].map((handling) => wantsRetained(handling as 0, true, false))).toEqual([
      true,
      true,
      false,
    ]);
    expect([0, 1, 2].map((handling) => wantsRetained(handling as 0, false, false))).toEqual([
      true,
      false,
      false,
    ]);
    expect(wantsRetained(0, true, true)).toBe(false);
  });
});
