/**
 * The part of STOMP that all its connections share: what is written out at the end of a turn, who waits for the journal, who owns
 * exclusive queues, heart-beats and time limits, alarms.
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
import type { ProtocolContext, ProtocolServer } from '../../net/protocol.ts';
import { TurnFlusher } from '../../net/turn-flusher.ts';
import { FrameScan } from './codec/frame-scan.ts';
import { HeaderBlock } from './header-block.ts';
import { readOptions, type StompOptions } from './options.ts';
import { StompSession } from './session.ts';
import { Watch } from './watch.ts';

/** Free output memory that is kept for the next turns. */
const POOLED_BYTES_MAX = 32 * 1024 * 1024;
/** Bodies of which not all has come, over all connections. */
const GATHERED_BYTES_MAX = 512 * 1024 * 1024;
const GATHER_BYTES = 256 * 1024;
/** A client that was told to go has so long to do so. */
const CLOSE_MS = 5_000;

export class StompServer implements ProtocolServer {
  readonly watchesIdle = true;
  readonly environment: Environment;
  readonly broker: Broker;
  readonly logger: Logger;
  readonly options: StompOptions;
  readonly version: string;
  readonly arenas: ArenaPool = new ArenaPool(POOLED_BYTES_MAX);
  /** Where large bodies lie while they come. */
  readonly gathered: ArenaWriter = new ArenaWriter(new ArenaPool(POOLED_BYTES_MAX), GATHER_BYTES);
  readonly gatheredBytes: ByteBudget = new ByteBudget(GATHERED_BYTES_MAX);
  readonly sessions: Set<StompSession> = new Set();
  /** Exclusive queues and the connections that they belong to. */
  readonly owners: QueueOwners<StompSession>;
  /** The frame that is being handled; one serves all, since scanning never waits. */
  readonly scan: FrameScan;
  /** The message that is being sent, and its headers. */
  readonly draft: MessageDraft = new MessageDraft();
  readonly block: HeaderBlock = new HeaderBlock();
  readonly delivered: Counter;
  readonly protocolErrors: Counter;
  /** The wall clock of this burst. */
  nowMs: number;
  readonly #hold: PublisherHold<StompSession>;
  readonly #watch: Watch;
  readonly #flusher: TurnFlusher<StompSession>;
  #resuming: StompSession[] = [];
  /** Sessions with receipts that wait for the journal. */
  readonly #waiting = new Set<StompSession>();
  readonly #stopListening: () => void;

  constructor(context: ProtocolContext) {
    const { environment, broker, counters } = context;
    this.environment = environment;
    this.broker = broker;
    this.logger = context.logger;
    this.options = readOptions(context.settings);
    this.version = context.version;
    this.owners = new QueueOwners(broker.queues, this.logger);
    this.scan = new FrameScan(this.options);
    this.nowMs = environment.clock.nowMs();
    this.delivered = counters.counter('polymq_stomp_delivered_total', {});
    this.protocolErrors = counters.counter('polymq_protocol_errors_total', { protocol: 'stomp' });
    this.#flusher = new TurnFlusher(
      environment.timers,
      (session) => this.#flush(session),
      () => this.#resumeAll(),
    );
    this.#stopListening = broker.queues.store.onCommitted(() => this.#committed());
    this.#hold = new PublisherHold({
      alarms: broker.alarms,
      store: broker.queues.store,
      connections: this.sessions,
    });
    this.#watch = new Watch(this);
  }

  connect(connection: Connection): Session {
    const session = new StompSession(connection, this);
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

  /** The session's output is written at the end of this turn. */
  flushLater(session: StompSession): void {
    this.#flusher.add(session);
  }

  resumeLater(session: StompSession): void {
    this.#resuming.push(session);
    this.#flusher.schedule();
  }

  /** The session has receipts to send once the journal has come further. */
  awaitCommit(session: StompSession): void {
    this.#waiting.add(session);
  }

  /** A publisher is about to be heard: held back if an alarm is on or the disk is behind. */
  holdPublisher(session: StompSession): void {
    this.#hold.check(session);
  }

  /** Closes the connection, and does not wait for ever for the client to do so too. */
  end(connection: Connection): void {
    connection.end();
    const timer = this.environment.timers.after(CLOSE_MS, () => {
      if (!connection.closed) connection.destroy();
    });
    timer.unref();
  }

  /** The connection is over: what belonged to it goes. */
  forget(session: StompSession): void {
    this.sessions.delete(session);
    this.#waiting.delete(session);
    this.#hold.forget(session);
    this.owners.forget(session);
  }

  #flush(session: StompSession): void {
    if (session.connection.closed || session.closed) return;
    session.spoke = true;
    if (session.output.flush()) session.outputDrained();
    else if (session.blockedSinceMs === 0) session.blockedSinceMs = this.nowMs;
  }

  #resumeAll(): void {
    const resuming = this.#resuming;
    this.#resuming = [];
    for (const session of resuming) session.resumeSubscriptions();
  }

  #committed(): void {
    for (const session of this.#waiting) {
      if (!session.sendReceipts()) this.#waiting.delete(session);
    }
    this.#hold.committed();
  }
}
