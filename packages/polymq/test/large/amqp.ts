/**
 * `npm run test:large -- --amqp`: queues of sizes that no other test has.
 *
 *   backlog   ten million messages in one durable queue: memory, rate, restarts, order
 *   many      ten thousand queues and a thousand connections that do nothing
 *   fanout    one message of 1 MiB to a hundred queues is stored once
 *   slow      a consumer that stops reading while a gigabyte is published
 */
import { backlog } from './amqp-backlog.ts';
import { fanout } from './amqp-fanout.ts';
import { many } from './amqp-many.ts';
import { slow } from './amqp-slow.ts';
import { type Parts, runParts } from './parts.ts';

const PARTS: Parts = { backlog, many, fanout, slow };
const MESSAGES = 10_000_000;

export function largeAmqp(args: string[]): Promise<number> {
  return runParts('amqp', PARTS, args, MESSAGES);
}
