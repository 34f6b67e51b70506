import { describe, expect, it } from 'vitest';
import { type ExchangeKit, openExchangeKit } from '../testing/kit.ts';
import { GlobIndex } from './glob-index.ts';
import { matchesGlob } from './glob-pattern.ts';

const EXACT = { arguments: { exact: true } };

async function withGlob(...queues: string[]): Promise<ExchangeKit> {
  const kit = await openExchangeKit();
  await kit.exchange('x', 'glob');
  for (const name of queues) await kit.queues.declare('', name);
  return kit;
}

describe('glob exchange', () => {
  it('routes by patterns and by keys that stand for themselves', async () => {
    const kit = await withGlob('pattern', 'literal');
    await kit.bind('x', 'pattern', { routingKey: 'news.*' });
    await kit.bind('x', 'literal', { routingKey: 'news.art' });
    expect(kit.targets('x', 'news.art')).toEqual(['literal', 'pattern']);
    expect(kit.targets('x', 'news.music')).toEqual(['pattern']);
    expect(kit.targets('x', 'news')).toEqual([]);
    expect(kit.route('x', 'news').cacheable).toBe(true);
  });

  it('takes a key as it stands if the binding says so, beside the same one as a pattern', async () => {
    const kit = await withGlob('exact', 'pattern', 'other');
    await kit.bind('x', 'exact', { routingKey: 'a[b]', ...EXACT });
    await kit.bind('x', 'pattern', { routingKey: 'a[b]' });
    await kit.bind('x', 'other', { routingKey: 'a[b]', arguments: { exact: false, n: 'exact' } });
    expect(kit.targets('x', 'a[b]')).toEqual(['exact']);
    expect(kit.targets('x', 'ab')).toEqual(['other', 'pattern']);
    await kit.unbind('x', 'pattern', { routingKey: 'a[b]' });
    await kit.unbind('x', 'other', { routingKey: 'a[b]', arguments: { exact: false, n: 'exact' } });
    expect([kit.targets('x', 'a[b]'), kit.targets('x', 'ab')]).toEqual([['exact'], []]);
    await kit.unbind('x', 'exact', { routingKey: 'a[b]', ...EXACT });
    expect(kit.targets('x', 'a[b]')).toEqual([]);
  });

  it('shows a binding once, also if key and pattern are the same', async () => {
    const kit = await withGlob('q');
    await kit.bind('x', 'q', { routingKey: 'a*' });
    expect(kit.route('x', 'a*').queues).toHaveLength(1);
    const receiver = { receive: () => 1 };
    kit.exchanges.subscribe('', receiver, 's').bind('x', 'a*', 'tag');
    expect(kit.route('x', ['a*', 'ab']).receivers[0]!.targets[0]!.tags).toEqual(['tag']);
  });
});

describe('glob index', () => {
  it('finds the patterns that match, however they begin, and none that was removed', () => {
    const index = new GlobIndex();
    const all = new Set<string>();
    const pieces = ['', 'a', 'ab', 'é', '\\*', '?', '*', '[ab]', '[^a]b', 'a*', '*b'];
    for (const one of pieces) for (const other of pieces) all.add(one + other);
    const texts = ['', 'a', 'ab', 'abb', 'é', 'éa', '*', 'a*', 'ba', 'aab', 'zzz'];
    const check = () => {
      for (const text of texts) {
        const found: string[] = [];
        index.match(text, (pattern) => found.push(pattern));
        expect([text, found.sort()]).toEqual([
          text,
          [...all].filter((pattern) => matchesGlob(pattern, text)).sort(),
        ]);
      }
    };
    for (const pattern of [...all, ...all]) index.add(pattern);
    check();
    for (const pattern of [...all].filter((_, at) => at % 3 !== 0)) {
      index.delete(pattern);
      index.delete(pattern);
      all.delete(pattern);
    }
    check();
    for (const pattern of all) index.delete(pattern);
    all.clear();
    check();
  });
});
