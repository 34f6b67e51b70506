import { describe, expect, it } from 'vitest';
import { ROW_FLAG } from '../rows.ts';
import { memoryEngine, openKit } from './testing/kit.ts';

describe('the message store', () => {
  it('finds a message as soon as it was put, and after it was committed', async () => {
    const kit = await openKit(memoryEngine());
    const [row] = kit.put([[1, 1]], { body: 'hello' });
    expect(kit.body(row!)).toBe('hello');
    expect(kit.store.view.exchange).toBe('ex');
    expect(kit.store.view.routingKey).toBe('key');
    expect(kit.store.view.properties.toString()).toBe('props');
    expect(kit.store.committed).toBeLessThan(kit.store.position);
    await kit.committed();
    expect(kit.body(row!)).toBe('hello');
  });

  it('restores what was put and not removed, queue by queue in order', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine);
    const [first, second] = kit.put([
      [1, 7],
      [2, 3],
    ]);
    kit.put([[1, 6]], { body: 'six', priority: 5, groupId: 'g', dueMs: 99 });
    kit.remove(second!);
    expect(first).not.toBe(second);
    await kit.store.close();
    const again = await openKit(engine);
    expect(again.restored).toMatchObject([
      { queue: 1, seq: 6, dueMs: 99, groupId: 'g', enqueuedMs: 1_700_000_000_000 },
      { queue: 1, seq: 7, dueMs: 0, groupId: undefined },
    ]);
    expect(await again.loadBody(again.restored[0]!.row)).toBe('six');
    expect(again.row(again.restored[0]!.row).flags & ROW_FLAG.persistent).not.toBe(0);
  });
});
