/**
 * The part of Redis that all its connections share: who is subscribed to what, the message that is being published, what
 * is written out at the end of a turn, who waits for the journal, and who does not read what he is sent.
 */
import type { Broker } from '../../core/broker.ts';
import { bodyOf } from '../../core/exchange/draft-facts.ts';
import { MessageDraft } from '../../core/message/message-draft.ts';
import { writeNeutral } from '../../core/message/neutral-format.ts';
import { ArenaPool } from '../../lib/arena.ts';
import { ByteBudget } from '../../lib/byte-budget.ts';
import type { Counter } from '../../lib/counters.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Connection, Session } from '../../net/connection.ts';
import { isLoopback } from '../../net/loopback.ts';
import type { ProtocolContext, ProtocolServer } from '../../net/protocol.ts';
import { TurnFlusher } from '../../net/turn-flusher.ts';
import { CommandScan, type ScanLimits } from './codec/command-scan.ts';
import { INLINE_BYTES_MAX } from './codec/inline-command.ts';
import type { CommandRow } from './command-row.ts';
import { COMMANDS, isSubscribing } from './commands.ts';
import { Delivery } from './delivery.ts';
import { Destinations, noFacts } from './destinations.ts';
import { type RedisOptions, readOptions } from './options.ts';
import { OutputWatch } from './output-watch.ts';
import { RequestReader } from './publishing.ts';
import { RedisSession } from './session.ts';
import { SubscriptionCounts } from './subscriptions.ts';

/** Free output memory that is kept for the next turns. */
const POOLED_BYTES_MAX = 32 * 1024 * 1024;
/** Commands of which not all has come, over all connections. */
const GATHERED_BYTES_MAX = 512 * 1024 * 1024;
const ARGUMENTS_MAX = 1024;
/** One SUBSCRIBE may name them all. */
const MANY_ARGUMENTS_MAX = 10_001;
/** Those names, whatever the limit on messages. */
const COMMAND_BYTES_MIN = 4 * 1024 * 1024;
const DENIED =
  '-DENIED PolyMQ lets no user in from another machine without credentials, and Redis clients have none here yet. Connect from the machine it runs on, such as through an SSH tunnel\r\n';

export class RedisServer implements ProtocolServer {
  readonly watchesIdle = true;
  readonly environment: Environment;
  readonly broker: Broker;
  readonly logger: Logger;
  readonly options: RedisOptions;
  /** The effective settings of the broker, and which version it is. */
  readonly settings: ReadonlyMap<string, string>;
  readonly version: string;
  readonly startedMs: number;
  readonly arenas: ArenaPool = new ArenaPool(POOLED_BYTES_MAX);
  readonly gatheredBytes: ByteBudget = new ByteBudget(GATHERED_BYTES_MAX);
  readonly sessions: Map<number, RedisSession> = new Map();
  readonly counts: SubscriptionCounts = new SubscriptionCounts();
  /** The message that is being published; one serves all, since publishing never waits. */
  readonly draft: MessageDraft = new MessageDraft();
  /** Those of every message: none. */
  readonly properties: Buffer = writeNeutral({ headers: [] });
  readonly commands: ReadonlyMap<string, CommandRow> = COMMANDS;
  readonly requests: RequestReader = new RequestReader();
  readonly destinations: Destinations;
  readonly delivery: Delivery;
  /** The connection whose command is being executed, if it may be a subscriber of what it publishes. */
  publisher: RedisSession | undefined;
  readonly protocolErrors: Counter;
  readonly slowClients: Counter;
  readonly commandCount: Counter;
  /** The wall clock of this burst. */
  nowMs: number;
  readonly #limits: ScanLimits;
  #freeScan: CommandScan | undefined;
  #lastId = 0;
  readonly #flusher: TurnFlusher<RedisSession>;
  readonly #watch: OutputWatch;
  /** Connections with replies that wait for the journal. */
  readonly #waiting = new Set<RedisSession>();
  readonly #stopListening: () => void;

  constructor(context: ProtocolContext) {
    const { environment, broker, counters } = context;
    this.environment = environment;
    this.broker = broker;
    this.logger = context.logger;
    this.options = readOptions(context.settings);
    this.settings = context.settings;
    this.version = context.version;
    this.nowMs = environment.clock.nowMs();
    this.startedMs = this.nowMs;
    this.protocolErrors = counters.counter('polymq_protocol_errors_total', { protocol: 'redis' });
    this.slowClients = counters.counter('polymq_redis_slow_clients_total');
    this.commandCount = counters.counter('polymq_redis_commands_total');
    const facts = noFacts((bytesMax) => bodyOf(this.draft, bytesMax));
    this.destinations = new Destinations(broker.exchanges, facts);
    this.delivery = new Delivery(this, counters.counter('polymq_redis_delivered_total'));
    this.draft.persistent = true;
    this.draft.propertiesBytes = this.properties.length;
    this.#limits = scanLimits(this.options);
    this.#flusher = new TurnFlusher(environment.timers, (session) => this.flush(session));
    this.#watch = new OutputWatch(this);
    this.#stopListening = broker.queues.store.onCommitted(() => this.#committed());
  }

  connect(connection: Connection): Session {
    this.#lastId += 1;
    const session = new RedisSession(connection, this, this.#lastId);
    this.sessions.set(session.id, session);
    if (!isLoopback(connection.remoteAddress)) this.#deny(session);
    return session;
  }

  async close(): Promise<void> {
    this.#stopListening();
    this.#watch.close();
    this.delivery.close();
  }

  /** Called at the start of every burst. */
  tick(): void {
    this.nowMs = this.environment.clock.nowMs();
  }

  /** For a command of which not all has come; give it back when it has. */
  takeScan(): CommandScan {
    const scan = this.#freeScan ?? new CommandScan(this.#limits, isSubscribing);
    this.#freeScan = undefined;
    scan.reset();
    return scan;
  }

  giveScan(scan: CommandScan): void {
    this.#freeScan = scan;
  }

  /** The session's output is written at the end of this turn. */
  flushLater(session: RedisSession): void {
    this.#flusher.add(session);
  }

  flush(session: RedisSession): void {
    if (session.connection.closed) return;
    if (!session.output.flush()) this.#watch.blocked(session);
  }

  /** The session has replies to send once the journal has come further. */
  awaitCommit(session: RedisSession): void {
    this.#waiting.add(session);
  }

  /** The connection is over. */
  forget(session: RedisSession): void {
    this.sessions.delete(session.id);
    this.#waiting.delete(session);
    this.#watch.forget(session);
  }

  #committed(): void {
    if (this.#waiting.size === 0) return;
    for (const session of this.#waiting) {
      if (!session.settle()) this.#waiting.delete(session);
    }
  }

  /** Sent at once, since clients wait for a reason before they say anything. */
  #deny(session: RedisSession): void {
    const peer = session.connection.remoteAddress;
    this.logger.warn({ peer, protocol: 'redis' }, 'refused a client from another machine');
    session.refused = true;
    this.environment.timers.immediate(() => session.end(Buffer.from(DENIED)));
  }
}

function scanLimits({ messageBytesMax }: RedisOptions): ScanLimits {
  return {
    countMax: ARGUMENTS_MAX,
    longCountMax: MANY_ARGUMENTS_MAX,
    bulkBytesMax: messageBytesMax,
    commandBytesMax: Math.max(COMMAND_BYTES_MIN, messageBytesMax + INLINE_BYTES_MAX),
  };
}
