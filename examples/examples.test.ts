/** Every example, run as its user runs it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Polymq,
  REPOSITORY_FOLDER,
  startPolymq,
} from '../packages/polymq/test/support/polymq.ts';

/** What the programs print. `some`: in whatever order. */
const STORIES: Readonly<Record<string, { lines: string[]; some?: string[] }>> = {
  'log-pipeline': {
    lines: [
      'on call: bank says "card 4711 refused"',
      'dashboard: bank 3, shop 2',
      'unreadable: "no level at all"',
    ],
  },
  'image-queue': {
    lines: [
      'passport.ppm: thumbnail of 3600 bytes',
      'holiday-1.ppm: thumbnail of 14400 bytes',
      'holiday-2.ppm: thumbnail of 14400 bytes',
      'dead letter: broken.ppm, 2 attempts, Error: the picture has no width',
    ],
  },
  chat: {
    lines: ['anna heard ben: hi anna', 'ben heard anna: hello', 'carl heard ben: hi anna'],
  },
  'bank-account': {
    lines: [
      'refused: Ben has only 0 cents',
      'anna has 750 cents after 102 events',
      'balances: anna 750, ben 0',
      'rebuilt from zero: anna 750',
    ],
  },
  'order-system': {
    lines: [],
    some: [
      'shop: order 1 is placed',
      'shop: order 2 is placed',
      'payment: takes 4900 cents for order 1',
      'payment: takes 4900 cents for order 2',
      'inventory: reserves a lamp for order 1',
      'inventory: has no lamp for order 2',
      'payment: gives back 4900 cents for order 2',
      'notification: order 1 is on its way',
      'notification: order 2 was cancelled, you have your money back',
      'shop: order 3 was refused, and nobody heard of it',
      'order 1: completed',
      'order 2: compensated',
      'orders in the database: 2',
    ],
  },
};

function run(name: string, args: string[] = []): { code: number | null; out: string; err: string } {
  const script = join(REPOSITORY_FOLDER, 'scripts', 'example.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, name, ...args], {
    cwd: REPOSITORY_FOLDER,
    encoding: 'utf8',
    timeout: 90_000,
  });
  return { code: status, out: stdout, err: stderr };
}

function check(name: string, args?: string[]): void {
  const { lines, some } = STORIES[name]!;
  const { code, out, err } = run(name, args);
  expect(code, `${out}${err}`).toBe(0);
  const printed = out.trim().split('\n');
  if (some === undefined) expect(printed).toEqual(lines);
  else expect(printed.toSorted()).toEqual(some.toSorted());
}

describe('the examples, in one process', () => {
  it.each(Object.keys(STORIES))('%s tells its story', (name) => check(name));
});

describe('the examples, with a server', () => {
  let broker: Polymq;
  let url: string;

  beforeAll(async () => {
    const schemes = ['amqp', 'kafka', 'http'];
    broker = await startPolymq({
      data: 'memory:',
      listen: schemes.map((scheme) => `${scheme}://127.0.0.1:0`),
    });
    const ports = schemes.map((scheme) => `${scheme}=${broker.port(scheme)}`);
    url = `polymq://127.0.0.1?${ports.join('&')}`;
  });

  afterAll(() => broker?.stop());

  it.each(Object.keys(STORIES))('%s tells the same story', (name) => check(name, ['--url', url]));
});

describe('the command for examples', () => {
  it('lists them with what they are', () => {
    const { code, out } = run('');
    expect(code).toBe(0);
    for (const name of Object.keys(STORIES)) expect(out).toMatch(new RegExp(`-- ${name} +[A-Z]`));
  });

  it('says which there are when there is none of that name', () => {
    const { code, out, err } = run('nonsense');
    expect(code).toBe(2);
    expect(err).toContain('there is no example "nonsense"');
    expect(out).toContain('order-system');
  });
});
