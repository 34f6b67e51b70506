/** What an engine lacks is refused by name when it is asked for; what it has is what the driver has parts for. */
import { CAPABILITIES, type Capability, type QueueOptions, UnsupportedError } from '@polymq/client';
import { describe, expect, it } from 'vitest';
import { errorOf, type Stage, uniqueName } from './stage.ts';

/** Queue options that need a capability. */
const QUEUE_NEEDS: Partial<Record<Capability, QueueOptions>> = {
  priority: { priorities: 5 },
  fifo: { fifo: true },
  ttl: { ttl: '1m' },
  limit: { limit: { messages: 10, overflow: 'reject' } },
  'drop-lowest-priority': { limit: { messages: 10, overflow: 'drop-lowest-priority' } },
};

export function describeRefusals(stage: Stage): void {
  const { driver, engine } = stage.client;
  const names = Object.keys(CAPABILITIES) as Capability[];
  const lacking = names.filter((name) => !stage.has(name));

  function expectRefusal(error: unknown, capability: Capability): void {
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ code: 'unsupported', engine, capability, retryable: false });
    expect((error as Error).message).toContain(engine);
    expect((error as Error).message).toContain(capability);
  }

  describe('capabilities', () => {
    it('are said for every one there is, with a few words on how', () => {
      expect(Object.keys(driver.capabilities).toSorted()).toEqual(names.toSorted());
      for (const how of Object.values(driver.capabilities)) {
        expect(how === false || how.length > 0).toBe(true);
      }
    });

    it('fit the parts that the driver has', () => {
      const has = {
        queue: driver.queues !== undefined,
        topic: driver.topics !== undefined,
        group: driver.topics?.joinGroup !== undefined,
        fanout: driver.topics?.bindQueue !== undefined,
        'request-reply': driver.requests !== undefined,
        'event-log': driver.eventLog !== undefined,
      };
      for (const [name, there] of Object.entries(has)) {
        expect(stage.has(name as Capability), name).toBe(there);
      }
      expect(driver.topics?.groupLag !== undefined).toBe(has.group);
      expect(driver.topics?.seekGroup !== undefined).toBe(has.group);
    });

    it.each(lacking)('lacks %s, and says so when it is required', async (capability) => {
      const options = { requires: [capability] };
      expectRefusal(await errorOf(() => stage.client.require(capability)), capability);
      const queue = await errorOf(() => stage.client.queue(uniqueName('needy'), options));
      expectRefusal(queue, stage.has('queue') ? capability : 'queue');
      const topic = await errorOf(() => stage.client.topic(uniqueName('needy'), options));
      expectRefusal(topic, stage.has('topic') ? capability : 'topic');
    });

    it.each(names.filter((name) => stage.has(name)))('has %s when it is required', (capability) => {
      stage.client.require(capability);
    });

    const needy = Object.entries(QUEUE_NEEDS) as [Capability, QueueOptions][];
    const refused = stage.has('queue') ? needy.filter(([name]) => !stage.has(name)) : [];
    it.each(refused)('refuses a queue that needs %s', async (capability, options) => {
      const error = await errorOf(() => stage.client.queue(uniqueName('needy'), options));
      // Without limits at all, that is what is lacking first.
      const limit = capability === 'drop-lowest-priority' && !stage.has('limit');
      expectRefusal(error, limit ? 'limit' : capability);
    });

    if (!stage.has('queue')) {
      it('refuses queues', async () => {
        expectRefusal(await errorOf(() => stage.client.queue(uniqueName('queue'))), 'queue');
      });
    }
    if (!stage.has('topic')) {
      it('refuses topics', async () => {
        expectRefusal(await errorOf(() => stage.client.topic(uniqueName('topic'))), 'topic');
      });
    }
  });
  if (stage.has('queue')) describeSendRefusals(stage, expectRefusal);
  if (stage.has('topic')) describeTopicRefusals(stage, expectRefusal);
}

type ExpectRefusal = (error: unknown, capability: Capability) => void;

function describeSendRefusals(stage: Stage, expectRefusal: ExpectRefusal): void {
  const sends = { delay: { delay: 1000 }, priority: { priority: 1 }, dedupe: { dedupe: 'a' } };
  const all = { ...sends, ttl: { ttl: 1000 } };
  const refused = Object.entries(all).filter(([name]) => !stage.has(name as Capability));
  if (refused.length === 0) return;
  describe('options of a send', () => {
    it.each(refused)('refuses %s', async (capability, options) => {
      const queue = stage.queue();
      const error = await errorOf(() => queue.send('x', options));
      expectRefusal(error, capability as Capability);
      expect(await queue.receive({ wait: 50 })).toBeUndefined();
    });
  });
}

function describeTopicRefusals(stage: Stage, expectRefusal: ExpectRefusal): void {
  /** Whether the engine stores no topic at all. */
  const live = stage.has('live') && !stage.has('replay') ? { live: true } : {};
  if (stage.has('live') && stage.has('group') && stage.has('replay')) return;
  describe('what topics cannot do', () => {
    if (!stage.has('live')) {
      it('refuses live ones', async () => {
        const error = await errorOf(() => stage.client.topic(uniqueName('t'), { live: true }));
        expectRefusal(error, 'live');
      });
    }
    if (!stage.has('group')) {
      it('refuses groups', async () => {
        const topic = stage.topic(live);
        expectRefusal(await errorOf(() => topic.group('readers')), 'group');
      });
    }
    if (!stage.has('replay')) {
      it.each([['start'], [0], [new Date(0)]] as const)('refuses to begin at %s', async (from) => {
        const topic = stage.topic(live);
        expectRefusal(await errorOf(() => topic.subscribe(() => {}, { from })), 'replay');
      });
    }
  });
}
