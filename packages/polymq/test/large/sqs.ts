/**
 * `npm run test:large -- --sqs`: SQS queues of sizes that no other test has.
 *
 *   backlog    a million messages in one queue: memory, rate, restarts
 *   many       ten thousand queues
 *   polls      five thousand connections in long polls
 *   in-flight  120,000 messages received and not deleted, over kill -9
 */

import { type Parts, runParts } from './parts.ts';
import { backlog } from './sqs-backlog.ts';
import { inFlight } from './sqs-in-flight.ts';
import { many } from './sqs-many.ts';
import { polls } from './sqs-polls.ts';

const PARTS: Parts = { backlog, many, polls, 'in-flight': inFlight };
const MESSAGES = 1_000_000;

export function largeSqs(args: string[]): Promise<number> {
  return runParts('sqs', PARTS, args, MESSAGES);
}
