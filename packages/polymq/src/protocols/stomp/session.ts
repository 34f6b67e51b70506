/**
 * One STOMP connection: bytes in, frames to their handlers, errors out.
 *
 *   connecting ─► connected ─► disconnecting (receipts that wait for the disk) ─► closed
 *                   │  ▲
 *                a frame that must wait (a declaration) holds everything behind it
 *
 * Frames are scanned where they lie in the reader's memory and handled strictly one after the other. Whatever is wrong is told in
 * one ERROR frame, after which the connection is closed, as STOMP wants it.
 */
import type { Connection, Session } from '../../net/connection.ts';
import { Output } from '../../net/output.ts';
import { Answering } from './answering.ts';
import type { Version } from './codec/escaping.ts';
import type { FrameScan } from './codec/frame-scan.ts';
import { HEADER } from './codec/header-names.ts';
import { StompError } from './codec/stomp-error.ts';
import { errorFrame } from './codec/write-frame.ts';
import { connect, negotiatedVersion } from './connect.ts';
import { asStompError, refused } from './errors.ts';
import { type Frame, HANDLERS } from './frames.ts';
import { Publishing } from './publishing.ts';
import type { Headers } from './queue-declaration.ts';
import { Reading, SEND } from './reading.ts';
import { Receipts } from './receipts.ts';
import { ReplyQueues } from './reply-queues.ts';
import type { StompServer } from './server.ts';
import type { Subscription } from './subscription.ts';
import { Transactions } from './transactions.ts';

const ACK: Buffer = Buffer.from('ACK');
const NACK: Buffer = Buffer.from('NACK');
/** Each takes some microseconds; sending and answering are not counted. */
const FRAMES_PER_TURN = 500;
/** A client that does not read its receipts is not read either, once so much of them waits. */
const RECEIPTS_BYTES_MAX = 4 * 1024 * 1024;
const DECLARED_MAX = 10_000;
const RECEIPT = HEADER['receipt'];

export type SessionState = 'connecting' | 'connected' | 'disconnecting' | 'closed';

export class StompSession implements Session {
  readonly server: StompServer;
  readonly connection: Connection;
  readonly output: Output;
  readonly publishing: Publishing;
  readonly transactions: Transactions;
  readonly replyQueues: ReplyQueues;
  /** By their tags. */
  readonly subscriptions: Map<string, Subscription> = new Map();
  /** Queues that this connection has declared by using them. */
  readonly declared: Set<string> = new Set();
  state: SessionState = 'connecting';
  version: Version = '1.0';
  user = '';
  vhost = '/';
  /** The core's name for the vhost. */
  namespace = '';
  sessionId = '';
  /** Heart-beats; 0: none. */
  sendMs = 0;
  receiveMs = 0;
  /** Bytes have come since the last look at heart-beats; bytes have gone. */
  heard = true;
  spoke = true;
  heardMs: number;
  spokeMs = 0;
  /** When output began to wait for the client, by the server's clock; 0: it does not. */
  blockedSinceMs = 0;
  /** It has sent messages, so an alarm concerns it. */
  publisher = false;
  readonly #receipts = new Receipts();
  readonly #reading: Reading;
  readonly #answering: Answering;
  /** Unsubscribed ones whose deliveries may still be answered. */
  readonly #retired = new Map<string, Subscription>();
  #resuming: Subscription[] = [];
  #waitsForOutput = false;
  /** Bytes of receipts since the client has stopped reading. */
  #unreadBytes = 0;
  #streams: Promise<void> | undefined;
  #receipted = false;
  #published = false;
  #held = false;
  #stalled = false;
  #flooded = false;
  #framesLeft = FRAMES_PER_TURN;

  constructor(connection: Connection, server: StompServer) {
    this.connection = connection;
    this.server = server;
    this.heardMs = server.nowMs;
    this.output = new Output(connection, server.arenas, () => server.flushLater(this));
    this.publishing = new Publishing(this);
    this.transactions = new Transactions(this);
    this.replyQueues = new ReplyQueues(this);
    this.#reading = new Reading(this);
    this.#answering = new Answering(this);
  }

  get closed(): boolean {
    return this.state === 'closed';
  }

  /** The next frame may be handled now. */
  get mayRead(): boolean {
    return !this.paused && !this.#ended;
  }

  get #ended(): boolean {
    return this.state === 'closed' || this.state === 'disconnecting';
  }

  /** It is not read, so its silence says nothing. */
  get paused(): boolean {
    return this.#held || this.#stalled || this.#flooded;
  }

  onSpan(buffer: Buffer, start: number, end: number): number {
    this.server.tick();
    this.heard = true;
    this.#framesLeft = FRAMES_PER_TURN;
    let at = start;
    try {
      at = this.#reading.read(buffer, start, end);
    } catch (error: unknown) {
      // Nothing tells where the next frame starts, so what is here is given up.
      this.fail(error);
    } finally {
      this.#endBurst();
    }
    return this.#ended ? end - start : at - start;
  }

  onDrain(): void {
    this.output.drained();
    this.blockedSinceMs = this.output.blocked ? this.blockedSinceMs : 0;
    this.outputDrained();
    if (this.output.blocked) return;
    this.#unreadBytes = 0;
    if (!this.#flooded) return;
    this.#flooded = false;
    this.#proceed();
  }

  /** The output has room again: whoever was refused is asked again. */
  outputDrained(): void {
    if (!this.#waitsForOutput || this.output.full) return;
    this.#waitsForOutput = false;
    for (const subscription of [...this.subscriptions.values()]) subscription.resume();
  }

  onClose(): void {
    this.server.tick();
    this.#release();
    this.output.close();
  }

  /** The broker stops. Nobody has done anything wrong, so there is no ERROR, as in RabbitMQ. */
  drain(): void {
    if (!this.closed) this.#finish();
  }

  /** Publishers are held back or let go, as alarms and the disk say. */
  setStalled(stalled: boolean): void {
    if (this.#stalled === stalled) return;
    this.#stalled = stalled;
    if (stalled) this.connection.pause();
    else this.#proceed();
  }

  /** The client is in: what it may send is no longer bounded so closely. */
  connected(sendMs: number, receiveMs: number): void {
    this.state = 'connected';
    this.sendMs = sendMs;
    this.receiveMs = receiveMs;
    this.spokeMs = this.server.nowMs;
    this.connection.greet();
  }

  mayDeliver(): boolean {
    if (!this.output.full) return true;
    this.#waitsForOutput = true;
    return false;
  }

  /** Subscriptions that have room again are served at the end of the turn. */
  resumeLater(subscription: Subscription): void {
    if (this.#resuming.at(-1) === subscription) return;
    this.#resuming.push(subscription);
    if (this.#resuming.length === 1) this.server.resumeLater(this);
  }

  resumeSubscriptions(): void {
    if (this.#resuming.length === 0) return;
    const resuming = new Set(this.#resuming);
    this.#resuming = [];
    for (const subscription of resuming) {
      if (this.subscriptions.get(subscription.tag) === subscription) subscription.resume();
    }
  }

  /** Throws if there are as many subscriptions as there may be. */
  checkRoom(): void {
    const { subscriptionsMax } = this.server.options;
    if (this.subscriptions.size < subscriptionsMax) return;
    const text = `a connection may have ${subscriptionsMax} subscriptions; use another one for more`;
    throw refused('resource_error', text);
  }

  /** An earlier subscription of that tag has used the numbers below. */
  firstNumberOf(tag: string): number {
    return this.#retired.get(tag)?.nextNumber ?? 1;
  }

  replaceSubscription(tag: string, subscription: Subscription): void {
    this.#retired.get(tag)?.giveBack();
    this.#retired.delete(tag);
    this.subscriptions.set(tag, subscription);
  }

  unsubscribe(subscription: Subscription): void {
    this.subscriptions.delete(subscription.tag);
    subscription.stop();
    if (subscription.waiting) this.#retired.set(subscription.tag, subscription);
  }

  /** The subscription that a message id speaks of. */
  subscriptionOf(tag: string): Subscription | undefined {
    return this.subscriptions.get(tag) ?? this.#retired.get(tag);
  }

  /** Its queue is gone: the client is told, and may go on with its others, as in RabbitMQ. */
  subscriptionCancelled(subscription: Subscription): void {
    if (this.subscriptions.get(subscription.tag) !== subscription) return;
    this.subscriptions.delete(subscription.tag);
    const { tag, description } = subscription;
    const id = tag.slice(2);
    const detail = `The server has canceled a subscription.\nNo more messages will be delivered for "${description}".\n`;
    this.output.frame(
      errorFrame('Server cancelled subscription', detail, this.version, [['subscription', id]]),
    );
  }

  noteDeclared(queue: string): void {
    if (this.declared.size >= DECLARED_MAX) this.declared.clear();
    this.declared.add(queue);
  }

  /** What streams still owe for what has just been published. */
  noteStreams(streams: Promise<void> | undefined): void {
    if (streams === undefined) return;
    const before = this.#streams;
    this.#streams =
      before === undefined ? streams : Promise.all([before, streams]).then(() => undefined);
    this.#streams.catch(() => undefined);
  }

  /** Answers a frame that lies in `buffer`, if it asks for that. `durable`: when what it did is. */
  addReceipt(buffer: Buffer, scan: FrameScan, durable: boolean): void {
    const index = scan.found[RECEIPT]!;
    if (index < 0) this.#streams = undefined;
    else this.addReceiptId(buffer, scan.valueStarts[index]!, scan.valueEnds[index]!, durable);
  }

  /** Answers a frame that comes seldom. */
  answerReceipt({ receipt }: Frame, durable = false): void {
    if (receipt !== undefined) this.addReceiptId(receipt, 0, receipt.length, durable);
  }

  addReceiptId(source: Buffer, start: number, end: number, durable: boolean): void {
    const position = durable ? this.server.broker.queues.store.position : 0;
    const streams = this.#streams;
    this.#streams = undefined;
    if (streams === undefined) this.#receipts.add(source, start, end, position);
    else {
      this.#receipts.add(source, start, end, position, streams, () => this.sendReceipts());
    }
    this.#receipted = true;
  }

  /** Sends the receipts that are due. Returns whether more are to come. */
  sendReceipts(): boolean {
    if (this.closed) return false;
    if (!this.#receipts.empty) {
      try {
        const { committed } = this.server.broker.queues.store;
        const bytes = this.#receipts.send(committed, this.output);
        if (this.output.blocked) this.#unreadBytes += bytes;
      } catch {
        this.#receipts.clear();
        this.fail(refused('resource_error', 'a stream has not taken a message; the log says why'));
        return false;
      }
    }
    if (!this.#receipts.empty) return true;
    if (this.state === 'disconnecting') this.#finish();
    return false;
  }

  /** The client has said goodbye: nothing more is read or delivered, and all receipts are sent. */
  disconnect(): void {
    this.state = 'disconnecting';
    this.#endSubscriptions();
    this.transactions.close();
    if (this.sendReceipts()) this.server.awaitCommit(this);
  }

  /** All headers, for frames that come seldom. */
  headersOf(buffer: Buffer, scan: FrameScan, version: Version = this.version): Headers {
    const headers = new Map<string, string>();
    for (let index = 0; index < scan.count; index++) {
      const name = scan.nameAt(buffer, index, version).toString();
      headers.set(name, scan.valueAt(buffer, index, version).toString());
    }
    return headers;
  }

  /** Tells the client what is wrong and closes the connection. */
  fail(thrown: unknown, receiptId?: string): void {
    if (this.closed) return;
    let error = asStompError(thrown);
    const { logger, protocolErrors } = this.server;
    const peer = `${this.connection.remoteAddress}:${this.connection.remotePort}`;
    if (!(error instanceof StompError)) {
      logger.error({ error, peer }, 'a STOMP frame failed');
      error = refused('internal_error', 'the broker failed to handle a frame; its log says why');
    } else logger.warn({ peer, reason: error.message.trim() }, 'closed a STOMP connection');
    protocolErrors.value += 1;
    // What went well before keeps its answer.
    if (this.state === 'connected') this.sendReceipts();
    const { title, message } = error as StompError;
    const about = receiptId === undefined ? [] : [['receipt-id', receiptId] as const];
    this.output.frame(errorFrame(title, message, this.version, about));
    this.#finish();
  }

  /** Everything that belongs to the connection goes. */
  #release(): void {
    if (this.closed) return;
    this.state = 'closed';
    this.#endSubscriptions();
    this.transactions.close();
    this.#reading.release();
    this.server.forget(this);
  }

  #endSubscriptions(): void {
    const all = [...this.subscriptions.values(), ...this.#retired.values()];
    for (const subscription of this.subscriptions.values()) subscription.stop();
    this.subscriptions.clear();
    this.#retired.clear();
    for (const subscription of all) subscription.giveBack();
  }

  /** Sends what is left and closes the socket; what the client still sends is dropped. */
  #finish(): void {
    this.#release();
    this.output.finish();
    this.connection.resume();
    this.server.end(this.connection);
  }

  /**
   * Handles a whole frame, which has been scanned in `buffer`; its body ends at `bodyEnd`, or is in `pieces`. Returns whether it
   * has to come again.
   */
  handle(buffer: Buffer, scan: FrameScan, bodyEnd: number, pieces?: readonly Buffer[]): boolean {
    if (this.state === 'connecting') {
      this.#connect(buffer, scan);
      return false;
    }
    try {
      if (scan.isCommand(buffer, SEND)) {
        const waiting = this.#send(buffer, scan, bodyEnd, pieces);
        if (waiting === undefined) return false;
        this.#hold(waiting, this.#receiptOf(buffer, scan));
        return true;
      }
      if (scan.isCommand(buffer, ACK)) this.#answering.answer(buffer, scan, 'ACK');
      else if (scan.isCommand(buffer, NACK)) this.#answering.answer(buffer, scan, 'NACK');
      else return this.#other(buffer, scan);
    } catch (error: unknown) {
      this.fail(error, this.#receiptOf(buffer, scan));
    }
    return false;
  }

  #receiptOf(buffer: Buffer, scan: FrameScan): string | undefined {
    const index = scan.found[RECEIPT]!;
    if (index < 0) return undefined;
    return buffer.toString('utf8', scan.valueStarts[index]!, scan.valueEnds[index]!);
  }

  #send(
    buffer: Buffer,
    scan: FrameScan,
    bodyEnd: number,
    pieces?: readonly Buffer[],
  ): Promise<void> | undefined {
    if (!this.#published) {
      this.publisher = true;
      this.#published = true;
      this.server.holdPublisher(this);
    }
    return this.publishing.send(buffer, scan, bodyEnd, pieces);
  }

  #other(buffer: Buffer, scan: FrameScan): boolean {
    if (this.#framesLeft === 0) {
      this.#holdUntilNextTurn();
      return true;
    }
    this.#framesLeft -= 1;
    const command = scan.commandText(buffer);
    const handler = Object.hasOwn(HANDLERS, command) ? HANDLERS[command] : undefined;
    if (handler === undefined) {
      throw new StompError('Bad command', `Could not interpret command "${command}"\n`);
    }
    const frame: Frame = {
      command,
      headers: this.headersOf(buffer, scan),
      id: this.#wireValue(buffer, scan, HEADER['id']),
      receipt: this.#wireValue(buffer, scan, RECEIPT),
    };
    const waiting = handler(this, frame);
    if (waiting !== undefined) this.#hold(waiting, frame.headers.get('receipt'));
    return false;
  }

  /** A copy of what stands in the frame. */
  #wireValue(buffer: Buffer, scan: FrameScan, id: number): Buffer | undefined {
    const index = scan.found[id]!;
    if (index < 0) return undefined;
    return Buffer.from(buffer.subarray(scan.valueStarts[index]!, scan.valueEnds[index]!));
  }

  /** The headers of CONNECT are not escaped in 1.0 and 1.1, and in 1.2 for the sake of those. */
  #connect(buffer: Buffer, scan: FrameScan): void {
    const command = scan.commandText(buffer);
    if (command !== 'CONNECT' && command !== 'STOMP') {
      throw new StompError('Illegal command', 'You must log in using CONNECT first');
    }
    const headers = this.headersOf(buffer, scan, '1.0');
    this.version = negotiatedVersion(headers.get('accept-version'));
    connect(this, headers);
  }

  /** A client may pack thousands of frames into one packet; they are not to hold up everybody else. */
  #holdUntilNextTurn(): void {
    this.#held = true;
    this.connection.pause();
    this.server.environment.timers.immediate(() => {
      this.#held = false;
      this.#proceed();
    });
  }

  #hold(waiting: Promise<void>, receiptId: string | undefined): void {
    this.#held = true;
    this.connection.pause();
    waiting
      .catch((error: unknown) => this.fail(error, receiptId))
      .finally(() => {
        this.#held = false;
        this.#endBurst();
        this.#proceed();
      })
      // What goes wrong with the frames behind it has been answered there.
      .catch((error: unknown) => this.fail(error));
  }

  #proceed(): void {
    if (!this.mayRead) return;
    this.#reading.resume();
    this.#endBurst();
    if (!this.mayRead) return;
    this.connection.resume();
    this.connection.proceed();
  }

  #endBurst(): void {
    this.#published = false;
    if (this.closed) return;
    if (this.#receipted) {
      this.#receipted = false;
      if (this.sendReceipts()) this.server.awaitCommit(this);
    }
    if (this.closed) return;
    if (this.#unreadBytes > RECEIPTS_BYTES_MAX) {
      this.#flooded = true;
      this.connection.pause();
    }
    this.resumeSubscriptions();
  }
}
