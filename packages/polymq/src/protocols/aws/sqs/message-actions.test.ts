/** What needs a broker in trouble, or more messages than a test wants to send. */
import { describe, expect, it } from 'vitest';
import { Alarms } from '../../../core/alarms.ts';
import { createNodeEnvironment } from '../../../lib/environment/node/node-environment.ts';
import type { AwsHandler } from '../call.ts';
import type { SqsContext } from './context.ts';
import { MessageActions } from './message-actions.ts';

function actionsOver(queue: object, alarms: Alarms): Readonly<Record<string, AwsHandler>> {
  const known = {
    id: 1,
    name: 'q',
    leasedCount: 0,
    definition: { exclusive: false, settings: {}, declared: {} },
    ...queue,
  };
  const context = {
    broker: { alarms, queues: { get: () => known } },
    environment: createNodeEnvironment(),
    options: { strict: true, messageBytesMax: 1024 },
  } as unknown as SqsContext;
  return new MessageActions(context).handlers;
}

/** Calls the action, whether it answers at once or later. */
async function call(handlers: Readonly<Record<string, AwsHandler>>, name: string, input: object) {
  return handlers[name]!({ QueueUrl: 'http://localhost/0/q', ...input }, {
    exchange: {},
  } as never);
}

const alarmed = (resource: 'memory' | 'disk'): Alarms => {
  const alarms = new Alarms();
  alarms.set(resource, true);
  return alarms;
};

describe('actions on messages', () => {
  it('refuse to receive when too many messages are in flight, where AWS is kept to strictly', async () => {
    const full = actionsOver({ leasedCount: 120_000 }, new Alarms());
    await expect(call(full, 'ReceiveMessage', {})).rejects.toMatchObject({ code: 'OverLimit' });
  });

  it('answer nothing for a FIFO queue with too many messages in flight', async () => {
    const definition = { exclusive: false, settings: { groups: true }, declared: {} };
    const full = actionsOver({ leasedCount: 120_000, definition }, new Alarms());
    await expect(call(full, 'ReceiveMessage', {})).resolves.toEqual({});
  });

  it.each([
    ['memory', 'RequestThrottled'],
    ['disk', 'ServiceUnavailable'],
  ] as const)('refuse to send while %s is short: %s', async (resource, code) => {
    const handlers = actionsOver({}, alarmed(resource));
    const sending = [
      call(handlers, 'SendMessage', { MessageBody: 'x' }),
      call(handlers, 'SendMessageBatch', { Entries: [{ Id: 'a', MessageBody: 'x' }] }),
    ];
    for (const each of sending) await expect(each).rejects.toMatchObject({ code });
  });
});
