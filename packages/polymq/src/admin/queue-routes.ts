/**
 * Queues over HTTP: what is in them, a look at their messages, sending more, and moving some to another queue. Looking has no effect;
 * moving takes only what is ready at that moment, and puts it into the other queue in the same batch of the
 * journal, so that a crash finds each message in one of the two.
 *
 * Queues of other namespaces (virtual hosts) than the first are named by `?namespace=`.
 */
import type { Broker } from '../core/broker.ts';
import { BrokerError } from '../core/errors.ts';
import type { Queue } from '../core/queue/queue.ts';
import type { Clock } from '../lib/environment/clock.ts';
import { type MessageJson, messageJson } from './message-json.ts';
import { type MoveRequest, moveMessages } from './move-messages.ts';
import { type Answer, errorAnswer, json, type Route } from './routes.ts';
import { messagesToSend, type SendingCore, sendMessages } from './send-messages.ts';

/** Queues on one page. */
const QUEUES_MAX = 1_000;
const MESSAGES_DEFAULT = 100;
const MESSAGES_MAX = 1_000;
/** Those before the first one that is shown have to be read, too. */
const MESSAGES_PASSED_MAX = 100_000;
/** Bodies of one answer; what is behind them is left for the next look. */
const BODIES_BYTES_MAX = 16 * 1024 * 1024;
const IDS_MAX = 1_000;

type Core = Pick<Broker, 'formats' | 'alarms'> & SendingCore;

export function queueRoutes(broker: Core, clock: Clock): Route[] {
  return [
    {
      path: '/api/v1/queues',
      doc: 'all queues; ?namespace= ?offset= ?limit=',
      handle: (query) => listQueues(broker, query),
    },
    {
      path: '/api/v1/queues/{name}',
      doc: 'one queue, with the age of its oldest message',
      handle: (query, { params }) =>
        withQueue(broker, query, params['name'], async (queue) =>
          json(200, { ...facts(queue), oldestMs: await oldestMs(queue) }),
        ),
    },
    {
      path: '/api/v1/queues/{name}/messages',
      doc: 'its first messages, without effect; ?offset= ?limit=',
      handle: (query, { params }) =>
        withQueue(broker, query, params['name'], (queue) => peek(broker, queue, query)),
    },
    {
      method: 'POST',
      path: '/api/v1/queues/{name}/messages',
      doc: 'puts messages into it: {"messages"}',
      handle: (query, { params, body }) =>
        withQueue(broker, query, params['name'], (queue) => send(broker, queue, body, clock)),
    },
    {
      method: 'POST',
      path: '/api/v1/queues/{name}/move',
      doc: 'moves ready messages to another queue: {"to", "ids", "headers"}',
      handle: (query, { params, body }) =>
        withQueue(broker, query, params['name'], (queue) => move(broker, queue, body, clock)),
    },
  ];
}

function listQueues({ queues }: Core, query: URLSearchParams): Answer {
  const offset = countOf(query, 'offset', 0, Number.MAX_SAFE_INTEGER);
  const limit = countOf(query, 'limit', QUEUES_MAX, QUEUES_MAX);
  if (offset === undefined || limit === undefined) return badCount('offset and limit');
  const all = queues.list(query.get('namespace') ?? '');
  const page = all.slice(offset, offset + limit);
  return json(200, { total: all.length, queues: page.map(facts) });
}

function facts(queue: Queue): Record<string, unknown> {
  const { name, namespace, readyCount, leasedCount, delayedCount, bytes, consumerCount } = queue;
  return {
    name,
    namespace,
    ready: readyCount,
    leased: leasedCount,
    delayed: delayedCount,
    bytes,
    consumers: consumerCount,
  };
}

/** When the first ready message was published, ms since the epoch; null: there is none. */
async function oldestMs(queue: Queue): Promise<number | null> {
  let oldest: number | null = null;
  await queue.peek(1, (view) => {
    oldest = view.publishedMs;
  });
  return oldest;
}

async function peek({ formats }: Core, queue: Queue, query: URLSearchParams): Promise<Answer> {
  const limit = countOf(query, 'limit', MESSAGES_DEFAULT, MESSAGES_MAX);
  const offset = countOf(query, 'offset', 0, MESSAGES_PASSED_MAX);
  if (limit === undefined || offset === undefined || offset > MESSAGES_PASSED_MAX) {
    return badCount(`offset (at most ${MESSAGES_PASSED_MAX}) and limit (at most ${MESSAGES_MAX})`);
  }
  const messages: MessageJson[] = [];
  let bytes = 0;
  let left = false;
  let passed = 0;
  await queue.peek(offset + limit, (view, row) => {
    passed += 1;
    if (passed <= offset) return;
    bytes += view.bodyBytes;
    // One message alone is shown whatever its size.
    left ||= bytes > BODIES_BYTES_MAX && messages.length > 0;
    if (!left) messages.push(messageJson(queue, row, view, formats));
  });
  return json(200, { messages, more: left || queue.readyCount > offset + messages.length });
}

async function send(broker: Core, queue: Queue, body: unknown, clock: Clock): Promise<Answer> {
  const { reason } = broker.alarms;
  if (reason !== undefined) {
    const text = `the broker is ${reason} and takes no messages now; send again later`;
    return errorAnswer(503, 'held-back', text);
  }
  const messages = messagesToSend(body);
  return json(200, { messages: await sendMessages(broker, { queue, messages, clock }) });
}

async function move(broker: Core, queue: Queue, body: unknown, clock: Clock): Promise<Answer> {
  const request = moveRequest(body);
  if (typeof request === 'string') return errorAnswer(400, 'bad-body', request);
  const target = broker.queues.get(queue.namespace, request.to);
  if (target === undefined) return unknownQueue(request.to);
  if (target === queue) {
    const text = `"${request.to}" is the queue itself; name another one in "to"`;
    return errorAnswer(400, 'bad-body', text);
  }
  return json(200, { moved: await moveMessages(broker, { queue, target, request, clock }) });
}

/** A text says what is wrong with it. */
function moveRequest(body: unknown): MoveRequest | string {
  const { to, ids, headers = {} } = (body ?? {}) as Record<string, unknown>;
  if (typeof to !== 'string' || to === '') return '"to" must name a queue';
  if (!Array.isArray(ids) || ids.length > IDS_MAX || !ids.every((id) => typeof id === 'string')) {
    return `"ids" must be a list of at most ${IDS_MAX} ids, as …/messages shows them`;
  }
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    return '"headers" must be an object of texts; null takes a header off';
  }
  const values = Object.entries(headers as Record<string, unknown>);
  if (
    values.length > 100 ||
    values.some(([, value]) => value !== null && typeof value !== 'string')
  ) {
    return '"headers" may have 100 entries, each a text, or null to take the header off';
  }
  return { to, ids: ids as string[], headers: headers as Record<string, string | null> };
}

async function withQueue(
  broker: Core,
  query: URLSearchParams,
  name: string | undefined,
  answer: (queue: Queue) => Answer | Promise<Answer>,
): Promise<Answer> {
  const queue = broker.queues.get(query.get('namespace') ?? '', name ?? '');
  if (queue === undefined) return unknownQueue(name ?? '');
  try {
    return await answer(queue);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const status = error.code === 'invalid-request' ? 400 : 409;
    return errorAnswer(status, error.code, error.message);
  }
}

function unknownQueue(name: string): Answer {
  return errorAnswer(
    404,
    'unknown-queue',
    `there is no queue "${name}"; /api/v1/queues lists what there is, ?namespace= names another virtual host`,
  );
}

function badCount(what: string): Answer {
  return errorAnswer(400, 'bad-query', `${what} must be whole numbers above 0`);
}

function countOf(
  query: URLSearchParams,
  name: string,
  missing: number,
  max: number,
): number | undefined {
  const text = query.get(name);
  if (text === null) return missing;
  if (!/^\d{1,15}$/.test(text)) return undefined;
  const count = Number(text);
  return name === 'limit' && (count === 0 || count > max) ? undefined : count;
}
