import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { MemoryDriver } from '../driver/testing/memory-driver.ts';
import { connect } from './connect.ts';

test.each([
  ['rabbit', /is no URL/],
  ['localhost:5672', /no address of an engine; such are/],
  ['ftp://user:secret@host', /polymq:\/\/localhost/],
])(
  'the address %s is refused, and the error says what an address looks like',
  async (address, text) => {
    await expect(connect(address)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(text),
    });
  },
);

test.each([
  'ftp://user:s3cret@host',
  'ftp://user:s3cret@[',
  'amqp://user:s3cret@host:99999',
  'kafka://user:s3cret@host:99999,other',
  'rabbit://user:p@s3cret@host',
  'rabbit://user:s3c/s3cret@host',
  'amqp://user:%s3cret%@host:99999',
])('no error for %s shows the password, and neither does its cause', async (address) => {
  const error = await connect(address).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'invalid-argument' });
  expect(inspect(error)).not.toContain('s3cret');
});

test('a driver of your own makes a client', async () => {
  const driver = new MemoryDriver();
  await using mq = await connect(driver);
  await mq.queue('q').send(1);
  expect(driver.queue('q').entries.length).toBe(1);
});

test('queues go to one engine and topics to the other', async () => {
  const [queues, topics] = [new MemoryDriver(), new MemoryDriver({ without: ['queue', 'replay'] })];
  const mq = await connect({ queues, topics });
  await mq.queue('q').send(1);
  await mq.topic('t').publish(2);
  expect(queues.queue('q').entries.length).toBe(1);
  expect(topics.topics.records('t').length).toBe(1);
  expect(mq.engine).toBe('Memory with Memory');
  expect(() => mq.require('replay')).toThrow(expect.objectContaining({ code: 'unsupported' }));
  expect(() => mq.require('fanout')).toThrow(expect.objectContaining({ code: 'unsupported' }));
  mq.require('priority');
  await mq.close();
  expect([queues.closed, topics.closed]).toEqual([true, true]);
});

test('one half of two engines is refused', async () => {
  const queues = new MemoryDriver();
  await expect(connect({ queues } as never)).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('if the second engine cannot be opened the first is closed', async () => {
  const queues = new MemoryDriver();
  await expect(connect({ queues, topics: 'nowhere' })).rejects.toMatchObject({
    code: 'invalid-argument',
  });
  expect(queues.closed).toBe(true);
});
