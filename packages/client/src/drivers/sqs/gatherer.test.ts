import { describe, expect, it } from 'vitest';
import { settled } from '../../driver/testing/manual-clock.ts';
import { PolymqError } from '../../errors.ts';
import { deferred } from '../../lib/deferred.ts';
import { Gatherer } from './gatherer.ts';

interface Entry {
  readonly name: string;
  readonly bytes: number;
  done(outcome: string | PolymqError): void;
}

function start(inFlightMax = 16) {
  const requests: {
    names: string[];
    answer: (outcomes?: (string | PolymqError)[]) => void;
    fail: (error: PolymqError) => void;
  }[] = [];
  const outcomes: Record<string, string> = {};
  const gatherer = new Gatherer<string, Entry>(inFlightMax, (entries) => {
    const answer = deferred<(string | PolymqError)[]>();
    const names = entries.map(({ name }) => name);
    requests.push({
      names,
      answer: (given) => answer.resolve(given ?? names),
      fail: answer.reject,
    });
    return answer.promise;
  });
  const add = (name: string, bytes = 1): void =>
    gatherer.add({
      name,
      bytes,
      done: (outcome) => {
        outcomes[name] = outcome instanceof PolymqError ? outcome.code : outcome;
      },
    });
  return { gatherer, requests, outcomes, add };
}

const names = (count: number, prefix = ''): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe('the gatherer', () => {
  it('makes batches of ten of what comes in one turn', async () => {
    const { requests, add } = start();
    for (const name of names(25)) add(name);
    await settled();
    expect(requests.map((request) => request.names.length)).toEqual([10, 10]);
    requests[0]!.answer();
    await settled();
    expect(requests.flatMap((request) => request.names)).toEqual(names(25));
  });

  it('sends a lone entry at once, and gathers what comes while requests are under way', async () => {
    const { requests, outcomes, add } = start();
    add('a');
    await settled();
    add('b');
    await settled();
    add('c');
    await settled();
    add('d');
    await settled();
    expect(requests.map((request) => request.names)).toEqual([['a'], ['b']]);
    requests[0]!.answer();
    await settled();
    expect(requests[2]!.names).toEqual(['c', 'd']);
    expect(outcomes).toEqual({ a: 'a' });
  });

  it('never has more requests under way than allowed, in the order of the entries', async () => {
    const { requests, add } = start(1);
    for (const name of names(30)) add(name);
    await settled();
    expect(requests.length).toBe(1);
    requests[0]!.answer();
    await settled();
    requests[1]!.answer();
    await settled();
    expect(requests.flatMap((request) => request.names)).toEqual(names(30));
  });

  it('keeps a batch below 256 KiB, and lets a larger message travel alone', async () => {
    const { requests, add } = start();
    add('a', 200_000);
    add('b', 100_000);
    add('huge', 900_000);
    add('c', 1);
    await settled();
    requests[0]!.answer();
    await settled();
    expect(requests.map((request) => request.names)).toEqual([['a'], ['b'], ['huge'], ['c']]);
  });

  it('gives each entry its own outcome', async () => {
    const { gatherer, requests, outcomes, add } = start();
    add('good');
    add('bad');
    await settled();
    requests[0]!.answer(['yes', new PolymqError('message-too-large', 'x')]);
    await settled();
    expect(outcomes).toEqual({ good: 'yes', bad: 'message-too-large' });
    expect(gatherer.idle).toBe(true);
  });

  it('fails all entries of a request that failed, and goes on', async () => {
    const { requests, outcomes, add } = start(1);
    for (const name of names(11)) add(name);
    await settled();
    requests[0]!.fail(new PolymqError('disconnected', 'x'));
    await settled();
    requests[1]!.answer();
    await settled();
    expect(Object.values(outcomes)).toEqual([...Array(10).fill('disconnected'), '10']);
  });

  it('refuses what would fill the memory', async () => {
    const { outcomes, add } = start(1);
    add('first', 40 * 1024 * 1024);
    add('second', 40 * 1024 * 1024);
    expect(outcomes).toEqual({ second: 'queue-full' });
  });
});
