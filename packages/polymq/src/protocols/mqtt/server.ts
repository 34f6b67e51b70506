/**
 * The part of MQTT that all its connections share: sessions, what is written out at the end of a turn, who waits for the journal,
 * time limits, alarms, and what the broker publishes itself.
 */
import type { Broker } from '../../core/broker.ts';
import { PublisherHold } from '../../core/publisher-hold.ts';
import { ArenaPool, ArenaWriter } from '../../lib/arena.ts';
import { ByteBudget } from '../../lib/byte-budget.ts';
import type { Counter } from '../../lib/counters.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Connection, Session } from '../../net/connection.ts';
import type { ProtocolContext, ProtocolServer } from '../../net/protocol.ts';
import { SharedFrames } from '../../net/shared-frames.ts';
import { TurnFlusher } from '../../net/turn-flusher.ts';
import { MqttConnection } from './connection.ts';
import { type MqttOptions, readOptions } from './options.ts';
import { OutgoingMessage } from './outgoing.ts';
import { Publishing } from './publishing.ts';
import { LiveReceiver } from './receiver.ts';
import { Retained } from './retained/retained.ts';
import { Sessions } from './sessions.ts';
import { Shares } from './shares.ts';
import type { StoredDelivery } from './stored-delivery.ts';
import { System } from './system/system.ts';
import type { SystemFigures } from './system/system-topics.ts';
import { Watch } from './watch.ts';
import { Wills } from './wills/wills.ts';

/** Free output memory that is kept for the next turns. */
const POOLED_BYTES_MAX = 32 * 1024 * 1024;
/** Large packets of which not all has come, over all connections. */
const GATHERED_BYTES_MAX = 512 * 1024 * 1024;
const GATHER_BYTES = 256 * 1024;
/** What the listeners of this protocol count by their schemes. */
const LISTENERS = ['mqtt', 'ws+mqtt'];
const RECEIVED_BYTES = 'polymq_received_bytes_total';
const SENT_BYTES = 'polymq_sent_bytes_total';

export class MqttServer implements ProtocolServer {
  readonly watchesIdle = true;
  readonly environment: Environment;
  readonly broker: Broker;
  readonly logger: Logger;
  readonly options: MqttOptions;
  readonly arenas: ArenaPool = new ArenaPool(POOLED_BYTES_MAX);
  /** Where large packets lie until all of them has come. */
  readonly gathered: ArenaWriter = new ArenaWriter(new ArenaPool(POOLED_BYTES_MAX), GATHER_BYTES);
  readonly gatheredBytes: ByteBudget = new ByteBudget(GATHERED_BYTES_MAX);
  readonly connections: Set<MqttConnection> = new Set();
  readonly sessions: Sessions;
  readonly shares: Shares;
  readonly publishing: Publishing;
  readonly receiver: LiveReceiver;
  /** The message that is being sent; one serves all, since sending never waits. */
  readonly outgoing: OutgoingMessage;
  readonly retained: Retained;
  readonly wills: Wills;
  readonly connected: Counter;
  readonly delivered: Counter;
  readonly dropped: Counter;
  readonly protocolErrors: Counter;
  /** Clients for which more waits get no messages of QoS 0. */
  readonly qos0BytesMax: number;
  /** The wall clock of this burst. */
  nowMs: number;
  readonly #published: Counter;
  readonly #shared: SharedFrames;
  readonly #system: System;
  readonly #hold: PublisherHold<MqttConnection>;
  readonly #watch: Watch;
  readonly #flusher: TurnFlusher<MqttConnection>;
  /** Connections with answers that wait for the journal. */
  readonly #waiting = new Set<MqttConnection>();
  /** Sessions with a message of QoS 2 that waits for it. */
  readonly #rows = new Set<StoredDelivery>();
  /** Connections for which too much waits. */
  #overflowed: MqttConnection[] = [];
  readonly #stopListening: () => void;

  constructor(context: ProtocolContext) {
    const { environment, broker, counters } = context;
    const { clock, timers } = environment;
    this.environment = environment;
    this.broker = broker;
    this.logger = context.logger;
    this.options = readOptions(context.settings);
    this.qos0BytesMax = this.options.outputBytesMax / 2;
    this.nowMs = clock.nowMs();
    this.connected = counters.counter('polymq_mqtt_connected_total', {});
    this.#published = counters.counter('polymq_mqtt_published_total', {});
    this.delivered = counters.counter('polymq_mqtt_delivered_total', {});
    this.dropped = counters.counter('polymq_mqtt_dropped_total', {});
    this.protocolErrors = counters.counter('polymq_protocol_errors_total', { protocol: 'mqtt' });
    this.#shared = new SharedFrames(this.arenas);
    this.outgoing = new OutgoingMessage(broker.formats, this.#shared);
    this.#flusher = new TurnFlusher<MqttConnection>(
      timers,
      (connection) => this.flush(connection),
      () => this.#cutOverflowed(),
    );
    this.publishing = new Publishing(this, this.#published);
    this.receiver = new LiveReceiver(this);
    this.#system = this.#openSystem(context);
    this.retained = new Retained({ messages: broker.retained, clock, system: this.#system });
    this.wills = new Wills({
      documents: broker.documents,
      store: broker.queues.store,
      clock,
      timers,
      logger: this.logger,
      publish: (message, publisher) => {
        this.tick();
        this.publishing.publishOwn({ ...message, publisher });
      },
    });
    this.sessions = new Sessions(this);
    this.shares = new Shares(this);
    this.sessions.restore();
    this.#stopListening = broker.queues.store.onCommitted(() => this.#committed());
    this.#hold = new PublisherHold({
      alarms: broker.alarms,
      store: broker.queues.store,
      connections: this.connections,
    });
    this.#watch = new Watch(this);
  }

  connect(connection: Connection): Session {
    const session = new MqttConnection(connection, this);
    this.connections.add(session);
    return session;
  }

  async close(): Promise<void> {
    this.#watch.close();
    this.#hold.close();
    this.#system.close();
    this.wills.close();
    await this.sessions.close();
    this.#stopListening();
    this.#shared.close();
  }

  /** Called at the start of every burst. */
  tick(): void {
    this.nowMs = this.environment.clock.nowMs();
  }

  /** The connection's output is written at the end of this turn. */
  flushLater(connection: MqttConnection): void {
    this.#flusher.add(connection);
  }

  /** Writes the connection's output now. */
  flush(connection: MqttConnection): void {
    if (connection.connection.closed || connection.closed) return;
    if (connection.output.flush()) connection.outputDrained();
  }

  /** The connection has answers to send once the journal has come further. */
  awaitCommit(connection: MqttConnection): void {
    this.#waiting.add(connection);
  }

  /** The session has a message that may not be sent before it is committed. */
  awaitRow(delivery: StoredDelivery): void {
    this.#rows.add(delivery);
  }

  /** A publisher is about to be heard: held back if an alarm is on or the disk is behind. */
  holdPublisher(connection: MqttConnection): void {
    this.#hold.check(connection);
  }

  /** More waits for the client than may: its connection ends when this message is done with. */
  overflowed(connection: MqttConnection): void {
    this.#overflowed.push(connection);
    this.#flusher.schedule();
  }

  /** The connection is not in use any more. */
  noteClosed(connection: MqttConnection): void {
    this.#waiting.delete(connection);
    this.#hold.forget(connection);
  }

  /** The socket is closed. */
  forget(connection: MqttConnection): void {
    this.connections.delete(connection);
  }

  #committed(): void {
    if (this.#waiting.size > 0) {
      for (const connection of this.#waiting) {
        if (!connection.sendAnswers()) this.#waiting.delete(connection);
      }
    }
    if (this.#rows.size > 0) {
      const deliveries = [...this.#rows];
      this.#rows.clear();
      for (const delivery of deliveries) delivery.committed();
    }
    this.#hold.committed();
  }

  #cutOverflowed(): void {
    if (this.#overflowed.length === 0) return;
    const connections = this.#overflowed;
    this.#overflowed = [];
    for (const connection of connections) {
      const text = `more than ${this.options.outputBytesMax} bytes wait for the client`;
      connection.close('quotaExceeded', text);
    }
  }

  #openSystem({ broker, environment, version, counters }: ProtocolContext): System {
    const received = LISTENERS.map((protocol) => counters.counter(RECEIVED_BYTES, { protocol }));
    const sent = LISTENERS.map((protocol) => counters.counter(SENT_BYTES, { protocol }));
    return new System({
      exchanges: broker.exchanges,
      publisher: broker.publisher,
      formats: broker.formats,
      clock: environment.clock,
      timers: environment.timers,
      intervalMs: this.options.systemIntervalMs,
      version,
      figures: () => ({
        ...this.#figures(),
        bytesReceived: sumOf(received),
        bytesSent: sumOf(sent),
      }),
      retainedCount: () => broker.retained.count,
    });
  }

  #figures(): SystemFigures {
    let clientsConnected = 0;
    let subscriptions = 0;
    for (const session of this.sessions.values()) {
      if (session.connection !== undefined) clientsConnected += 1;
      subscriptions += session.subscriptions.size;
    }
    return {
      clientsConnected,
      clientsDisconnected: this.sessions.size - clientsConnected,
      connects: this.connected.value,
      publishesReceived: this.#published.value,
      publishesSent: this.delivered.value,
      publishesDropped: this.dropped.value,
      subscriptions,
      sharedSubscriptions: this.shares.size,
    };
  }
}

function sumOf(counters: readonly Counter[]): number {
  return counters.reduce((sum, { value }) => sum + value, 0);
}
