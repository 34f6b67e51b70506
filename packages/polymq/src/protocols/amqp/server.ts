/**
 * The part of AMQP that all its connections share: what is written out at the end of a turn, who waits for the
 * journal, who owns exclusive queues, heartbeats and time limits, alarms.
 */
import type { Broker } from '../../core/broker.ts';
import { MessageDraft } from '../../core/message/message-draft.ts';
import { PublisherHold } from '../../core/publisher-hold.ts';
import { QueueOwners } from '../../core/queue/queue-owners.ts';
import { ArenaPool, ArenaWriter } from '../../lib/arena.ts';
import { ByteBudget } from '../../lib/byte-budget.ts';
import type { Counter } from '../../lib/counters.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Connection, Session } from '../../net/connection.ts';
import { isLoopback } from '../../net/loopback.ts';
import type { ProtocolContext, ProtocolServer } from '../../net/protocol.ts';
import { TurnFlusher } from '../../net/turn-flusher.ts';
import type { Channel } from './channel.ts';
import { methodFrame, PropertiesScan, scanProperties } from './codec/index.ts';
import { sendStart } from './handlers/connection.ts';
import { type AmqpOptions, readOptions } from './options.ts';
import { Replies } from './replies.ts';
import type { Login } from './sasl.ts';
import { AmqpSession } from './session.ts';
import { Watch } from './watch.ts';

/** Free output memory that is kept for the next turns. */
const POOLED_BYTES_MAX = 32 * 1024 * 1024;
/** Bodies of which not all frames have come, over all connections. */
const GATHERED_BYTES_MAX = 512 * 1024 * 1024;
/** More than the largest frame that is usual. */
const GATHER_BYTES = 256 * 1024;
const GUEST = 'guest';
/** A client that was told to go has so long to answer. */
const CLOSE_MS = 5_000;

export class AmqpServer implements ProtocolServer {
  readonly watchesIdle = true;
  readonly environment: Environment;
  readonly broker: Broker;
  readonly logger: Logger;
  readonly options: AmqpOptions;
  readonly version: string;
  readonly arenas: ArenaPool = new ArenaPool(POOLED_BYTES_MAX);
  /** Where these bodies lie meanwhile. */
  readonly gathered: ArenaWriter = new ArenaWriter(new ArenaPool(POOLED_BYTES_MAX), GATHER_BYTES);
  readonly gatheredBytes: ByteBudget = new ByteBudget(GATHERED_BYTES_MAX);
  readonly replies: Replies;
  readonly sessions: Set<AmqpSession> = new Set();
  /** Exclusive queues and the connections that they belong to. */
  readonly owners: QueueOwners<AmqpSession>;
  /** The message that is being published; one serves all, since publishing never waits. */
  readonly draft: MessageDraft = new MessageDraft();
  /** Its properties. */
  readonly scan: PropertiesScan = new PropertiesScan();
  readonly delivered: Counter;
  readonly channelErrors: Counter;
  readonly protocolErrors: Counter;
  /** The wall clock of this burst. */
  nowMs: number;
  readonly #hold: PublisherHold<AmqpSession>;
  readonly #watch: Watch;
  readonly #flusher: TurnFlusher<AmqpSession>;
  #resuming: AmqpSession[] = [];
  /** Channels with confirms that wait for the journal. */
  #waiting = new Set<Channel>();
  readonly #stopListening: () => void;

  constructor(context: ProtocolContext) {
    const { environment, broker, counters } = context;
    this.environment = environment;
    this.broker = broker;
    this.logger = context.logger;
    this.options = readOptions(context.settings);
    this.version = context.version;
    this.owners = new QueueOwners(broker.queues, this.logger);
    this.replies = new Replies(environment.random);
    this.nowMs = environment.clock.nowMs();
    this.delivered = counters.counter('polymq_amqp_delivered_total', {});
    this.channelErrors = counters.counter('polymq_amqp_channel_errors_total', {});
    this.protocolErrors = counters.counter('polymq_protocol_errors_total', { protocol: 'amqp' });
    this.#stopListening = broker.queues.store.onCommitted(() => this.#committed());
    // Consumers are served first: what they get leaves with the answers of the turn.
    this.#flusher = new TurnFlusher(
      environment.timers,
      (session) => this.flush(session),
      () => this.#resumeConsumers(),
    );
    this.#hold = new PublisherHold({
      alarms: broker.alarms,
      store: broker.queues.store,
      connections: this.sessions,
      tell: (session, reason) => this.#tellBlocked(session, reason),
    });
    this.#watch = new Watch(this);
  }

  connect(connection: Connection): Session {
    const session = new AmqpSession(connection, this);
    this.sessions.add(session);
    return session;
  }

  async close(): Promise<void> {
    this.#stopListening();
    this.#hold.close();
    this.#watch.close();
  }

  /** Called at the start of every burst. */
  tick(): void {
    this.nowMs = this.environment.clock.nowMs();
  }

  scanHeader(buffer: Buffer, start: number, end: number): void {
    scanProperties(buffer, start, end, this.scan);
  }

  /** The one user there is: from this machine only, as RabbitMQ has it. */
  admits(session: AmqpSession, { user, password }: Login): boolean {
    return user === GUEST && password === GUEST && isLoopback(session.connection.remoteAddress);
  }

  sendStart(session: AmqpSession): void {
    sendStart(session);
  }

  /** The session's output is written at the end of this turn. */
  flushLater(session: AmqpSession): void {
    this.#flusher.add(session);
  }

  resumeLater(session: AmqpSession): void {
    this.#resuming.push(session);
    this.#flusher.schedule();
  }

  /** Writes the session's output now. */
  flush(session: AmqpSession): void {
    if (session.connection.closed) return;
    session.spoke = true;
    if (session.output.flush()) session.outputDrained();
    else if (session.blockedSinceMs === 0) session.blockedSinceMs = this.nowMs;
  }

  /** The channel has confirms to send once the journal has come further. */
  awaitCommit(channel: Channel): void {
    this.#waiting.add(channel);
  }

  /** A publisher is about to be heard: held back if an alarm is on or the disk is behind. */
  holdPublisher(session: AmqpSession): void {
    this.#hold.check(session);
  }

  /** The session waits for an answer to `connection.close`, but not for ever. */
  closingSoon(session: AmqpSession): void {
    const { timers } = this.environment;
    timers
      .after(CLOSE_MS, () => {
        if (!session.connection.closed) session.connection.destroy();
      })
      .unref();
  }

  /** The connection is over: what belonged to it goes. */
  forget(session: AmqpSession): void {
    this.sessions.delete(session);
    this.#hold.forget(session);
    this.owners.forget(session);
  }

  #resumeConsumers(): void {
    const resuming = this.#resuming;
    this.#resuming = [];
    for (const session of resuming) session.resumeConsumers();
  }

  #committed(): void {
    if (this.#waiting.size > 0) {
      for (const channel of this.#waiting) {
        if (!channel.sendConfirms()) this.#waiting.delete(channel);
      }
    }
    this.#hold.committed();
  }

  /** Tells a client about an alarm that has come or gone. */
  #tellBlocked(session: AmqpSession, reason: string | undefined): void {
    if (!session.capabilities.connectionBlocked || session.state !== 'running') return;
    session.output.frame(
      reason === undefined
        ? methodFrame(0, 'connection.unblocked', {})
        : methodFrame(0, 'connection.blocked', { reason }),
    );
  }
}
