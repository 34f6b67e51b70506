import { describe, expect, it } from 'vitest';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import { MetaJournal } from '../meta/meta-journal.ts';
import { openProducerIds } from './producer-ids.ts';

describe('producer ids', () => {
  it('are never given out twice, whoever asks at once and however often it restarts', async () => {
    const environment = createNodeEnvironment();
    const engine = createMemoryEngine(environment);
    const seen = new Set<number>();
    let count = 0;
    for (const asked of [1, 2500, 3, 999, 1001]) {
      const meta = await MetaJournal.open({ engine, clock: environment.clock });
      const ids = openProducerIds(meta);
      const given = await Promise.all(Array.from({ length: asked }, () => ids.next()));
      for (const id of given) seen.add(id);
      count += asked;
      // Not closed: as after a crash.
    }
    expect(seen.size).toBe(count);
    expect(Math.min(...seen)).toBe(0);
  });
});
