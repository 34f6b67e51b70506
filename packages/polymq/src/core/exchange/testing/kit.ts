/** Exchanges over fake queues, restartable on their meta log. */
import { createNodeEnvironment } from '../../../lib/environment/node/node-environment.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { LogEngine } from '../../../log/log.ts';
import { createMemoryEngine } from '../../../log/memory/memory-engine.ts';
import { MessageDraft } from '../../message/message-draft.ts';
import type { MessageFormat, MessageWishes } from '../../message/message-format.ts';
import { MessageFormats } from '../../message/message-formats.ts';
import { MetaJournal } from '../../meta/meta-journal.ts';
import type {
  Binding,
  Exchange,
  ExchangeDefinition,
  ExchangeType,
  Route,
  RoutingFacts,
} from '../exchanges.ts';
import { type OpenExchanges, type OpenExchangesOptions, openExchanges } from '../open-exchanges.ts';
import { FakeQueues } from './fake-queues.ts';

export interface ExchangeKit extends OpenExchanges {
  readonly clock: { now: number };
  readonly queues: FakeQueues;
  readonly formats: MessageFormats;
  readonly streams: Set<string>;
  readonly meta: MetaJournal;
  /** Declares an exchange, a durable direct one unless told otherwise. */
  exchange(
    name: string,
    type?: ExchangeType,
    more?: Partial<ExchangeDefinition>,
  ): Promise<Exchange>;
  bind(source: string, destination: string, more?: Partial<Binding>): Promise<void>;
  unbind(source: string, destination: string, more?: Partial<Binding>): Promise<void>;
  route(exchange: string, keys?: string | string[], facts?: Partial<Facts>): Route;
  /** The names of the queues and streams where a message goes, sorted. */
  targets(exchange: string, keys?: string | string[], facts?: Partial<Facts>): string[];
  publish(exchange: string, key: string, body: string, facts?: Partial<Facts>): number;
  restart(): Promise<ExchangeKit>;
}

export interface Facts {
  headers: Record<string, unknown>;
  properties: Record<string, string>;
  body: string;
  dueMs: number;
}

/** Properties are JSON of headers, `copies` among them. */
export const TEST_FORMAT: MessageFormat = {
  id: 9,
  name: 'test',
  toNeutral: (properties) => {
    const { messageId } = JSON.parse(properties.toString()) as { messageId?: string };
    return { headers: [], ...(messageId !== undefined && { messageId }) };
  },
  fromNeutral: () => Buffer.from('{}'),
  headers: (properties) => new Map(Object.entries(JSON.parse(properties.toString()) as object)),
  wishes: (properties) => JSON.parse(properties.toString()) as MessageWishes,
};

type KitOptions = Partial<Omit<OpenExchangesOptions, 'meta' | 'queues' | 'streamExists'>> & {
  engine?: LogEngine;
  queues?: FakeQueues;
  streams?: Set<string>;
  clock?: { now: number };
  snapshotAfterCommands?: number;
};

export async function openExchangeKit(options: KitOptions = {}): Promise<ExchangeKit> {
  const real = createNodeEnvironment();
  const time = options.clock ?? { now: 1_700_000_000_000 };
  const clock = { nowMs: () => time.now, monotonicMs: () => time.now };
  const engine = options.engine ?? createMemoryEngine(real);
  const { snapshotAfterCommands = 4096 } = options;
  const meta = await MetaJournal.open({ engine, clock, snapshotAfterCommands });
  const queues = options.queues ?? new FakeQueues(clock);
  const streams = options.streams ?? new Set<string>();
  const formats = new MessageFormats([TEST_FORMAT]);
  const opened = await openExchanges({
    environment: { clock, random: real.random },
    logger: silentLogger,
    formats,
    ...options,
    meta,
    queues,
    streamExists: (name) => streams.has(name),
  });
  const { exchanges, publisher } = opened;
  const route: ExchangeKit['route'] = (name, keys = '', facts = {}) => {
    return exchanges.route(exchanges.get('', name)!, [keys].flat(), factsOf(facts));
  };
  return {
    ...opened,
    clock: time,
    formats,
    queues,
    streams,
    meta,
    route,
    exchange: (name, type = 'direct', more = {}) => {
      const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
      return exchanges.declare('', name, { type, ...flags, ...more });
    },
    bind: (source, destination, more) => exchanges.bind(bindingOf(source, destination, more)),
    unbind: (source, destination, more) => exchanges.unbind(bindingOf(source, destination, more)),
    targets: (name, keys, facts) => {
      const found = route(name, keys, facts);
      return [...found.queues.map((queue) => queue.name), ...found.streams].sort();
    },
    publish: (name, key, body, facts = {}) => {
      const draft = draftOf(name, key, body, { ...facts.headers, ...facts.properties });
      draft.dueMs = facts.dueMs ?? 0;
      return publisher.publish(draft, route(name, key, facts));
    },
    restart: async () => {
      await opened.close();
      await meta.close();
      return openExchangeKit({
        ...options,
        engine,
        streams,
        clock: time,
        queues: queues.restarted(),
      });
    },
  };
}

export function bindingOf(
  source: string,
  destination: string,
  more: Partial<Binding> = {},
): Binding {
  const ends = { namespace: '', source, destination, destinationKind: 'queue' as const };
  return { ...ends, routingKey: '', arguments: {}, ...more };
}

export function factsOf({
  headers = {},
  properties = {},
  body = '',
  dueMs = 0,
}: Partial<Facts>): RoutingFacts {
  return {
    headers: () => new Map(Object.entries(headers)),
    property: (name) => properties[name],
    body: () => Buffer.from(body),
    dueMs,
  };
}

export function draftOf(
  exchange: string,
  key: string,
  body: string,
  properties: Record<string, unknown> = {},
): MessageDraft {
  const draft = new MessageDraft();
  draft.format = TEST_FORMAT.id;
  draft.setNames(exchange, key);
  draft.setContent(Buffer.from(JSON.stringify(properties)), Buffer.from(body));
  return draft;
}
