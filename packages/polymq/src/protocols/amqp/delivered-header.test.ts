import { describe, expect, test } from 'vitest';
import type { DeathRecord } from '../../core/message/history.ts';
import {
  type BasicProperties,
  contentHeader,
  FieldTimestamp,
  readProperties,
} from './codec/index.ts';
import { withDeaths } from './delivered-header.ts';

const death = (more: Partial<DeathRecord>): DeathRecord => ({
  count: 1,
  reason: 'rejected',
  queue: 'q',
  exchange: 'x',
  routingKeys: ['k'],
  firstMs: 1_700_000_000_999,
  ...more,
});

function delivered(properties: BasicProperties, deaths: DeathRecord[]): BasicProperties {
  const header = withDeaths(contentHeader(properties, 0), deaths);
  return readProperties(header, 0, header.length);
}

describe('a dead letter', () => {
  test('tells where it has died, the last place first', () => {
    const { headers } = delivered({ headers: { mine: 1 } }, [
      death({ queue: 'second', reason: 'expired', firstMs: 1_700_000_005_000, ttlMs: 500 }),
      death({ queue: 'first', count: 3 }),
    ]);
    expect(headers).toMatchObject({
      mine: 1,
      'x-death': [
        {
          count: 1,
          reason: 'expired',
          queue: 'second',
          time: new FieldTimestamp(1_700_000_005),
          exchange: 'x',
          'routing-keys': ['k'],
          'original-expiration': '500',
        },
        { count: 3, reason: 'rejected', queue: 'first', time: new FieldTimestamp(1_700_000_000) },
      ],
      'x-first-death-queue': 'first',
      'x-first-death-reason': 'rejected',
      'x-first-death-exchange': 'x',
      'x-last-death-queue': 'second',
      'x-last-death-reason': 'expired',
      'x-last-death-exchange': 'x',
    });
  });

  test('has no time limit any more', () => {
    const { expiration, messageId } = delivered({ expiration: '500', messageId: 'm' }, [death({})]);
    expect([expiration, messageId]).toEqual([undefined, 'm']);
  });

  test('has the story of the broker in place of one that its publisher made up', () => {
    const { headers } = delivered(
      { headers: { 'x-death': 'never', 'x-first-death-queue': 'no' } },
      [death({})],
    );
    expect(headers?.['x-death']).toHaveLength(1);
    expect(headers?.['x-first-death-queue']).toBe('q');
  });

  test('without a history is left as it is', () => {
    const header = contentHeader({ messageId: 'm' }, 0);
    expect(withDeaths(header, [])).toBe(header);
  });
});
