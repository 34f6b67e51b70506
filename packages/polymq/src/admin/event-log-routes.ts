/**
 * Streams of events over HTTP: append with an expected version, read one stream, read the whole store and wait for more. Bodies of
 * events are base64.
 *
 *   event   { "id", "type"?, "contentType", "headers": { name: text }, "timestampMs", "correlationId"?, "replyTo"?, "body" }
 *           and when it is read: "stream", "version", "position"
 */
import type { Broker } from '../core/broker.ts';
import { BrokerError, type BrokerErrorCode } from '../core/errors.ts';
import {
  EVENTS_PER_APPEND_MAX,
  EVENTS_PER_READ_MAX,
  type EventToAppend,
  type LoggedEvent,
} from '../core/event-log/event-log.ts';
import { type Answer, errorAnswer, json, type Route } from './routes.ts';
import { isCount, refused, textMessageOf } from './text-message.ts';

type Core = Pick<Broker, 'eventLog'>;

const EVENTS_DEFAULT = 100;
/** Readers that want to wait longer ask again. */
const WAIT_MS_MAX = 20_000;

/** What is not an error of the request itself answers 409. */
const STATUS: Partial<Record<BrokerErrorCode, number>> = {
  'invalid-request': 400,
  'invalid-name': 400,
  'message-too-large': 413,
  'storage-full': 507,
  'storage-failed': 500,
  stopping: 503,
};

export function eventLogRoutes(broker: Core): Route[] {
  const stream = '/api/v1/events/{store}/streams/{stream}';
  return [
    {
      method: 'POST',
      path: stream,
      doc: 'appends events: {"expected", "events"}; 409 version-conflict if the stream has another version',
      handle: (_query, { params, body }) => append(broker, params, body),
    },
    {
      path: stream,
      doc: 'the version of a stream of events and its events; ?from= ?max=',
      handle: (query, { params }) => readStream(broker, params, query),
    },
    {
      path: '/api/v1/events/{store}',
      doc: 'events of a whole store; ?after= ?max= ?waitMs=',
      handle: (query, { params, signal }) => readAll(broker, params, query, signal),
    },
  ];
}

type Params = Readonly<Record<string, string>>;

function append({ eventLog }: Core, params: Params, body: unknown): Promise<Answer> {
  return answered(async () => {
    const { expected, events } = appendRequest(body);
    const outcome = await eventLog.append(
      nameOf(params, 'store'),
      nameOf(params, 'stream'),
      events,
      expected,
    );
    if (!outcome.conflict) {
      const { version, position, duplicate } = outcome;
      return json(200, { version, position, duplicate });
    }
    const { version } = outcome;
    const message = `the stream has version ${version}, not ${expected ?? 'the one it had a moment ago'}; load it again`;
    return json(409, { error: { code: 'version-conflict', message }, version });
  });
}

function readStream({ eventLog }: Core, params: Params, query: URLSearchParams): Promise<Answer> {
  return answered(async () => {
    const [store, stream] = [nameOf(params, 'store'), nameOf(params, 'stream')];
    const from = countOf(query, 'from', 1, Number.MAX_SAFE_INTEGER);
    const max = countOf(query, 'max', EVENTS_DEFAULT, EVENTS_PER_READ_MAX);
    const version = await eventLog.version(store, stream);
    const events = max === 0 ? [] : await eventLog.readStream(store, stream, from, max);
    return json(200, { version, events: events.map(eventJson) });
  });
}

function readAll(
  { eventLog }: Core,
  params: Params,
  query: URLSearchParams,
  signal: AbortSignal,
): Promise<Answer> {
  return answered(async () => {
    const max = countOf(query, 'max', EVENTS_DEFAULT, EVENTS_PER_READ_MAX);
    const waitMs = countOf(query, 'waitMs', 0, WAIT_MS_MAX);
    const after = query.get('after') ?? undefined;
    const events = await eventLog.readAll(nameOf(params, 'store'), after, { max, waitMs, signal });
    return json(200, { events: events.map(eventJson) });
  });
}

function eventJson({ body, ...event }: LoggedEvent): Record<string, unknown> {
  return { ...event, body: Buffer.from(body).toString('base64') };
}

interface AppendRequest {
  readonly expected: number | undefined;
  readonly events: readonly EventToAppend[];
}

function appendRequest(body: unknown): AppendRequest {
  const { expected, events } = (body ?? {}) as Record<string, unknown>;
  if (expected !== undefined && !isCount(expected)) {
    throw refused('"expected" must be a whole number from 0 on, or missing for any version');
  }
  if (!Array.isArray(events) || events.length < 1 || events.length > EVENTS_PER_APPEND_MAX) {
    throw refused(`"events" must be a list of 1 to ${EVENTS_PER_APPEND_MAX} events`);
  }
  return { expected, events: events.map(eventOf) };
}

function eventOf(value: unknown): EventToAppend {
  const { timestampMs, ...event } = textMessageOf((value ?? {}) as Record<string, unknown>);
  if (timestampMs === undefined) throw refused('"timestampMs" must be ms since the epoch');
  return { ...event, timestampMs };
}

function nameOf(params: Params, name: string): string {
  return params[name] ?? '';
}

function countOf(query: URLSearchParams, name: string, missing: number, max: number): number {
  const text = query.get(name);
  if (text === null) return missing;
  if (/^\d{1,16}$/.test(text) && Number(text) <= max) return Number(text);
  throw refused(`${name} must be a whole number up to ${max}`);
}

async function answered(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work();
  } catch (error: unknown) {
    if (!(error instanceof BrokerError)) throw error;
    return errorAnswer(STATUS[error.code] ?? 409, error.code, error.message);
  }
}
