import { expect, test } from 'vitest';
import { MemoryDriver } from '../driver/testing/memory-driver.ts';
import { createClient } from './create-client.ts';

function setUp() {
  const driver = new MemoryDriver();
  const errors: unknown[] = [];
  const mq = createClient(driver, { random: () => 0, onError: (error) => errors.push(error) });
  return { driver, mq, errors };
}

test('a listener of the connection that throws is reported; the others hear of it all the same', () => {
  const { mq, errors } = setUp();
  const heard: string[] = [];
  mq.onConnection(() => {
    throw new Error('no pager');
  });
  mq.onConnection((state) => heard.push(state));
  mq.connectionChanged('lost');
  mq.connectionChanged('back');
  expect(heard).toEqual(['lost', 'back']);
  expect(errors).toMatchObject([{ message: 'no pager' }, { message: 'no pager' }]);
});
