/**
 * One connection of an MQTT client: bytes in, packets to their handlers, errors out.
 *
 *   new ──CONNECT──► opening ──CONNACK──► running ──► closed
 *                       │                  │  ▲
 *                       └── refused        a packet that awaits the disk (SUBSCRIBE of a stored session) holds those behind it
 *
 * Packets are walked where they lie in the reader's memory; only one that is too large for it is gathered first. What
 * outlives the connection is in the session (`session.ts`); what it owes the client until the disk has it is in `Answers`.
 * An error ends the connection, with its reason code if the client speaks MQTT 5.
 */
import type { Connection, Session } from '../../net/connection.ts';
import { Output } from '../../net/output.ts';
import type { TopicAliases } from './aliases.ts';
import { ANSWERS_MAX, Answers } from './answers.ts';
import {
  ACK_BYTES_MAX,
  ackPacketId,
  connack,
  connectVersion,
  disconnect,
  MqttError,
  PACKET_TYPE,
  type ProtocolVersion,
  packetBytes,
  REASON,
  type ReasonName,
  readPacket,
  reasonMayBeIn,
  writeAck,
} from './codec/index.ts';
import { asMqttError } from './errors.ts';
import { Gathering } from './gathering.ts';
import { handleAck } from './handlers/acks.ts';
import { handlePacket } from './handlers/index.ts';
import type { MqttServer } from './server.ts';
import type { EndOfConnection, MqttSession } from './session.ts';
import type { TopicRoute } from './topic-routes.ts';

/** Who has not said who he is may not send more. */
const CONNECT_BYTES_MAX = 64 * 1024;
/** Larger packets do not wait in the reader's memory until all of them has come. */
const GATHERED_BYTES_MIN = 128 * 1024;
/** Refused packet ids that are remembered; of clients that go on with refused messages, it is the last ones that matter. */
const REFUSED_IDS_MAX = 1024;
/** Each takes some microseconds; publishing and acknowledging are not counted. */
const PACKETS_PER_TURN = 200;

export type ConnectionState = 'new' | 'opening' | 'running' | 'closed';

export class MqttConnection implements Session {
  readonly server: MqttServer;
  readonly connection: Connection;
  readonly output: Output;
  state: ConnectionState = 'new';
  version: ProtocolVersion = 4;
  session: MqttSession | undefined;
  /** It has published, so an alarm concerns it. */
  publisher = false;
  /** The session was there before, so the client may repeat a PUBREL whose PUBCOMP never reached it. */
  resumed = false;
  /** Messages of QoS 1 and 2 that the client takes without an answer. */
  window = 0;
  /** Something has come since the last look of the watch, which sets when; by the monotonic clock. */
  heard = true;
  heardMs = 0;
  blockedMs = 0;
  /** 0: it may be silent for ever. */
  silenceMsMax = 0;
  /** The session is to be told when the output has room again. */
  waitsForOutput = false;
  /** The largest packet that the client takes. */
  packetBytesMax: number = Number.POSITIVE_INFINITY;
  /** The topic that was published to last. */
  topic: TopicRoute | undefined;
  /** By alias. */
  aliasesIn: (TopicRoute | undefined)[] | undefined;
  aliasesOut: TopicAliases | undefined;
  /** Packet ids whose PUBREC said here that the message was refused. */
  #refusedIds: Set<number> | undefined;
  #answers: Answers | undefined;
  #gathering: Gathering | undefined;
  /** Called when there is room again. */
  #waiters: (() => void)[] | undefined;
  /** A packet waits: what follows stays where it is. */
  #held = false;
  /** An alarm, or too much that is not committed, keeps this publisher from being read. */
  #stalled = false;
  #checked = false;
  #packetsLeft = PACKETS_PER_TURN;

  constructor(connection: Connection, server: MqttServer) {
    this.connection = connection;
    this.server = server;
    this.output = new Output(connection, server.arenas, () => server.flushLater(this));
  }

  get closed(): boolean {
    return this.state === 'closed';
  }

  /** Whether what the client sends is looked at now. */
  get reading(): boolean {
    return !this.#held && !this.#stalled;
  }

  get peer(): string {
    return `${this.connection.remoteAddress}:${this.connection.remotePort}`;
  }

  onSpan(buffer: Buffer, start: number, end: number): number {
    this.server.tick();
    this.heard = true;
    this.#checked = false;
    this.#packetsLeft = PACKETS_PER_TURN;
    let at = start;
    try {
      at = this.#walk(buffer, start, end);
    } catch (error: unknown) {
      // Nothing tells where the next packet starts, so what is here is given up.
      this.#fail(error);
    }
    this.session?.endOfBurst();
    this.#tellRoom();
    return this.closed ? end - start : at - start;
  }

  onDrain(): void {
    this.output.drained();
    if (!this.output.blocked) this.outputDrained();
  }

  /** What was written has left: whoever waits for room is asked again. */
  outputDrained(): void {
    if (this.waitsForOutput) {
      this.waitsForOutput = false;
      this.session?.outputDrained();
    }
    this.#tellRoom();
  }

  /** Whether the output takes more messages now. If not, the session is told when it does. */
  get takesMore(): boolean {
    if (!this.output.full) return true;
    this.waitsForOutput = true;
    return false;
  }

  onClose(): void {
    this.#detach('lost');
    this.server.forget(this);
    this.output.close();
  }

  /** The broker stops. */
  drain(): void {
    if (this.state === 'running') {
      this.close('serverShuttingDown', 'the broker stops', 'shutdown');
    } else this.connection.end();
  }

  /** Publishers are held back or let go, as alarms and the disk say. */
  setStalled(stalled: boolean): void {
    if (this.#stalled === stalled || this.closed) return;
    this.#stalled = stalled;
    if (stalled) this.connection.pause();
    else this.#proceed();
  }

  /**
   * An answer to a PUBLISH or a PUBREL; it leaves when the journal has come to `position`, behind all that are owed already.
   * Returns a ticket for `settleAnswer` if it has to wait, else -1. `first` is the packet's first byte.
   */
  answer(first: number, packetId: number, reason: number, position: number): number {
    const { store } = this.server.broker.queues;
    const waiting = this.#answers !== undefined && this.#answers.length > 0;
    if (!waiting && position <= store.committed) {
      this.#writeAnswer(first, packetId, reason);
      return -1;
    }
    this.#answers ??= new Answers();
    if (this.#answers.length >= ANSWERS_MAX) {
      throw new MqttError('receiveMaximumExceeded', 'there are more answers due than packet ids');
    }
    this.server.awaitCommit(this);
    return this.#answers.add(first, packetId, reason, position);
  }

  settleAnswer(ticket: number, position: number, reason?: number): void {
    if (this.closed) return;
    this.#answers!.settle(ticket, position, reason);
    this.server.awaitCommit(this);
    this.sendAnswers();
  }

  /** A message of QoS 2 was refused: its packet id is free, and there is nothing to release. */
  refuseId(packetId: number): void {
    this.#refusedIds ??= new Set();
    const ids = this.#refusedIds;
    if (ids.size >= REFUSED_IDS_MAX) ids.delete(ids.values().next().value!);
    ids.add(packetId);
  }

  /**
   * Whether a packet id that is not known was released over an earlier connection, whose end kept the PUBCOMP from the client. MQTT 5
   * lets such a PUBREL be answered with 0x92 as "not an error during recovery" (§3.7.2.1), but clients report that as a failed publish.
   */
  wasReleased(packetId: number): boolean {
    return this.resumed && this.#refusedIds?.has(packetId) !== true;
  }

  /** PUBLISHes of QoS 1 that have no answer yet. */
  get pubacksOwed(): number {
    return this.#answers?.pubacks ?? 0;
  }

  /** Sends the answers that may leave; whether others wait. */
  sendAnswers(): boolean {
    const answers = this.#answers;
    if (answers === undefined || this.closed) return false;
    const { committed } = this.server.broker.queues.store;
    for (;;) {
      const word = answers.take(committed);
      if (word < 0) break;
      this.#writeAnswer(word >>> 24, word & 0xffff, (word >>> 16) & 0xff);
    }
    return answers.length > 0;
  }

  /** Sends a packet. */
  send(packet: Buffer): void {
    if (!this.closed) this.output.frame(packet);
  }

  /** Whether more may be sent without piling up. */
  get hasRoom(): boolean {
    return !this.output.full && (this.session?.stored !== false || this.session.live.hasRoom);
  }

  /** Resolves when there is room again: true, or when the connection is over: false. */
  whenRoom(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(() => resolve(!this.closed));
    });
  }

  /** Ends the connection from here, and says why if the client understands. */
  close(reason: ReasonName, text: string, end: EndOfConnection = 'lost'): void {
    if (this.closed) return;
    const { server } = this;
    const level =
      reason === 'serverShuttingDown' || reason === 'sessionTakenOver' ? 'debug' : 'warn';
    server.logger[level]({ peer: this.peer, reason: text }, 'closed an MQTT connection');
    if (this.version === 5 && this.state === 'running') {
      const properties = { reasonString: text };
      this.output.frame(
        disconnect(REASON[reason], { properties, packetBytesMax: this.packetBytesMax }),
      );
    }
    this.finish(end);
  }

  /** Cuts off a client that does not take what is sent to it. */
  cut(text: string): void {
    if (this.closed) return;
    this.server.logger.warn({ peer: this.peer, reason: text }, 'cut off an MQTT connection');
    this.#detach('lost');
    this.connection.destroy();
  }

  /** Sends what is left and closes the socket. */
  finish(end: EndOfConnection): void {
    if (this.closed) return;
    this.#detach(end);
    // The watch counts from here how long the client may take to go.
    this.heard = true;
    this.output.finish();
    this.connection.end();
  }

  /** The client has sent its first message of this burst. */
  notePublishing(): void {
    this.#checked = true;
    this.publisher = true;
    this.server.holdPublisher(this);
  }

  /** What follows waits until this is over. */
  hold(waiting: Promise<void>): void {
    this.#held = true;
    this.connection.pause();
    waiting
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#held = false;
        this.#proceed();
      })
      // What goes wrong with the packets behind it has been answered there.
      .catch((error: unknown) => this.#fail(error));
  }

  #walk(buffer: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#gathering !== undefined) at = this.#gather(this.#gathering, buffer, at, end);
    while (!this.#held && !this.#stalled && !this.closed && at < end) {
      if (this.#packetsLeft === 0) {
        this.#holdUntilNextTurn();
        break;
      }
      const bytes = packetBytes(buffer, at, end, this.#bytesMax);
      if (bytes === 0) break;
      if (bytes > end - at) {
        if (bytes >= GATHERED_BYTES_MIN) at = this.#startGathering(bytes, buffer, at, end);
        break;
      }
      this.#packet(buffer, at, at + bytes);
      at += bytes;
    }
    return at;
  }

  get #bytesMax(): number {
    return this.state === 'running' ? this.server.options.packetBytesMax : CONNECT_BYTES_MAX;
  }

  #startGathering(bytes: number, buffer: Buffer, start: number, end: number): number {
    const { gathered, gatheredBytes } = this.server;
    this.#gathering = new Gathering(bytes, gathered, gatheredBytes);
    return this.#gather(this.#gathering, buffer, start, end);
  }

  #gather(gathering: Gathering, buffer: Buffer, start: number, end: number): number {
    if (this.server.gatheredBytes.room < end - start) {
      throw new MqttError('quotaExceeded', 'the broker has no memory for another large packet');
    }
    const at = gathering.add(buffer, start, end);
    if (!gathering.complete) return at;
    this.#gathering = undefined;
    const packet = gathering.packet();
    gathering.release();
    this.#packet(packet, 0, packet.length);
    return at;
  }

  #packet(buffer: Buffer, start: number, end: number): void {
    const first = buffer[start]!;
    const type = first >>> 4;
    if (this.state !== 'running') {
      this.#connect(buffer, start, end);
      return;
    }
    if (type === PACKET_TYPE.publish) {
      if (!this.#checked) this.notePublishing();
      this.server.publishing.publish(this, buffer, start, end);
      return;
    }
    const packetId = ackPacketId(buffer, start, end);
    if (packetId !== 0) {
      handleAck(this, first, packetId, REASON.success);
      return;
    }
    this.#packetsLeft -= 1;
    const waiting = handlePacket(this, readPacket(buffer, start, end, this.version));
    if (waiting !== undefined) this.hold(waiting);
  }

  #connect(buffer: Buffer, start: number, end: number): void {
    if (buffer[start]! >>> 4 !== PACKET_TYPE.connect) {
      throw new MqttError('protocolError', 'the first packet is no CONNECT');
    }
    this.version = connectVersion(buffer, start, end) ?? 4;
    this.state = 'opening';
    const waiting = handlePacket(this, readPacket(buffer, start, end, this.version));
    if (waiting !== undefined) this.hold(waiting);
  }

  #writeAnswer(first: number, packetId: number, reason: number): void {
    const target = this.output.reserve(ACK_BYTES_MAX);
    const code = this.version === 5 ? reason : 0;
    this.output.position = writeAck(target, this.output.position, first, packetId, code);
  }

  /** A client may pack thousands of packets into one segment; they are not to hold up everybody else. */
  #holdUntilNextTurn(): void {
    this.#held = true;
    this.connection.pause();
    this.server.environment.timers.immediate(() => {
      this.#held = false;
      this.#proceed();
    });
  }

  #proceed(): void {
    if (this.#held || this.#stalled || this.closed) return;
    this.connection.resume();
    this.connection.proceed();
  }

  /** The connection is over: the session goes on without it, or ends. */
  #detach(end: EndOfConnection): void {
    if (this.closed) return;
    this.state = 'closed';
    this.#gathering?.release();
    this.#gathering = undefined;
    this.server.noteClosed(this);
    this.session?.detach(this, end);
    this.#tellRoom();
  }

  #tellRoom(): void {
    if (this.#waiters === undefined || !(this.closed || this.hasRoom)) return;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const waiter of waiters) waiter();
  }

  #fail(thrown: unknown): void {
    if (this.closed) return;
    const error = asMqttError(thrown);
    if (!(error instanceof MqttError)) {
      this.server.logger.error({ error, peer: this.peer }, 'a packet failed');
      const text = 'the broker failed to handle a packet; its log says why';
      this.#refuseOrClose('unspecifiedError', text);
      return;
    }
    if (this.state === 'running') this.server.protocolErrors.value += 1;
    this.#refuseOrClose(error.reason, error.message);
  }

  #refuseOrClose(reason: ReasonName, text: string): void {
    if (this.state === 'running') {
      const allowed = reasonMayBeIn(REASON[reason], 'disconnect');
      this.close(allowed ? reason : 'unspecifiedError', text);
      return;
    }
    this.server.logger.warn({ peer: this.peer, reason: text }, 'refused an MQTT client');
    // Who sends no CONNECT at all gets no explanation: it may not speak MQTT. Nor may a broken one of 3.x get one [MQTT-3.1.4-1].
    const silent = reason === 'malformedPacket' || reason === 'protocolError';
    if (this.state === 'opening' && (this.version === 5 || !silent)) {
      const allowed = reasonMayBeIn(REASON[reason], 'connack');
      const code = REASON[allowed ? reason : 'unspecifiedError'];
      const properties = { reasonString: text };
      this.output.frame(connack(this.version, false, code, { properties }));
    } else this.server.protocolErrors.value += 1;
    this.finish('lost');
  }
}
