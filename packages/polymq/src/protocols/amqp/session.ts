/**
 * One AMQP connection: bytes in, frames to channels, errors out.
 *
 *   header ─► start ─► tune ─► open ─► running ─► closing ─► closed
 *                                        │  ▲
 *                        a method that must wait (declare, purge, commit) holds everything behind it
 *
 * Frames are walked where they lie in the reader's memory. Methods of a connection are handled strictly one after the other:
 * while one awaits the disk, nothing more is consumed, and TCP holds the client back. A soft error closes its channel,
 * a hard one the connection, each with RabbitMQ's code and words.
 */
import { ProtocolError } from '../../lib/bytes/protocol-error.ts';
import type { Connection, Session } from '../../net/connection.ts';
import { Output } from '../../net/output.ts';
import { Channel } from './channel.ts';
import {
  AmqpSyntaxError,
  acceptsProtocolHeader,
  BASIC_ACK,
  BASIC_PUBLISH,
  checkFrameEnd,
  FRAME_BODY,
  FRAME_HEADER,
  FRAME_HEADER_BYTES,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  FRAME_MIN_BYTES,
  frameBytes,
  frameChannel,
  isHardError,
  type MethodName,
  methodFrame,
  methodNameAt,
  PROTOCOL_HEADER,
  PROTOCOL_HEADER_BYTES,
  REPLY_NAME,
  readMethod,
  tagAt,
  tagBitsAt,
  uint32At,
} from './codec/index.ts';
import type { AmqpConsumer } from './consumer.ts';
import { AmqpError, asAmqpError } from './errors.ts';
import { HANDLERS } from './handlers/index.ts';
import { METHODS } from './methods/index.ts';
import type { AmqpServer } from './server.ts';

/** Each takes some microseconds; publishing and acknowledging are not counted. */
const METHODS_PER_TURN = 500;

export type SessionState = 'header' | 'start' | 'tune' | 'open' | 'running' | 'closing' | 'closed';

/** What the client says it understands. */
export interface ClientCapabilities {
  consumerCancelNotify: boolean;
  connectionBlocked: boolean;
  authenticationFailureClose: boolean;
}

export class AmqpSession implements Session {
  readonly server: AmqpServer;
  readonly connection: Connection;
  readonly output: Output;
  readonly channels: Map<number, Channel> = new Map();
  state: SessionState = 'header';
  user = '';
  vhost = '/';
  /** The core's name for the vhost. */
  namespace = '';
  frameMax = FRAME_MIN_BYTES;
  channelMax = 0;
  /** 0: none. */
  heartbeatMs = 0;
  capabilities: ClientCapabilities = {
    consumerCancelNotify: false,
    connectionBlocked: false,
    authenticationFailureClose: false,
  };
  /** Some consumer wants more as soon as the output has room. */
  waitsForOutput = false;
  /** Bytes have come since the last look at heartbeats; bytes have gone. */
  heard = true;
  spoke = true;
  /** It has published, so an alarm concerns it. */
  publisher = false;
  /** While a method deletes a queue: what its consumers are told after the answer. */
  notices: Buffer[] | undefined;
  /** When the last bytes came, and when output began to wait for the client; by the server's clock. */
  heardMs: number;
  spokeMs = 0;
  blockedSinceMs = 0;
  /** The channel that was used last, which mostly is the next one. */
  #current: Channel | undefined;
  #resuming: AmqpConsumer[] = [];
  /** Channels that have published in this burst. */
  #published: Channel[] = [];
  /** A method waits: what follows stays where it is. */
  #held = false;
  /** An alarm, or too much that is not committed, keeps this publisher from being read. */
  #stalled = false;
  #publishing: Channel | undefined;
  /** Methods that may still be handled before others get their turn. */
  #methodsLeft = METHODS_PER_TURN;

  constructor(connection: Connection, server: AmqpServer) {
    this.connection = connection;
    this.server = server;
    this.heardMs = server.nowMs;
    this.output = new Output(connection, server.arenas, () => server.flushLater(this));
  }

  get closed(): boolean {
    return this.state === 'closed';
  }

  onSpan(buffer: Buffer, start: number, end: number): number {
    this.server.tick();
    this.heard = true;
    this.#methodsLeft = METHODS_PER_TURN;
    let at = start;
    try {
      if (this.state === 'header') at = this.#readHeader(buffer, at, end);
      if (this.state !== 'header') at = this.#readFrames(buffer, at, end);
    } finally {
      this.#endBurst();
    }
    return this.closed ? end - start : at - start;
  }

  /** Consumers that have room again are served at the end of the burst. */
  resumeLater(consumer: AmqpConsumer): void {
    this.#resuming.push(consumer);
    if (this.#resuming.length === 1) this.server.resumeLater(this);
  }

  resumeConsumers(): void {
    const resuming = this.#resuming;
    if (resuming.length === 0) return;
    this.#resuming = [];
    for (const consumer of resuming) {
      consumer.resumeListed = false;
      if (consumer.channel.consumers.get(consumer.tag) === consumer) consumer.resume();
    }
  }

  /** The output has room again: whoever was refused is asked again. */
  outputDrained(): void {
    if (!this.waitsForOutput) return;
    this.waitsForOutput = false;
    for (const channel of this.channels.values()) {
      for (const consumer of channel.consumers.values()) consumer.resume();
    }
  }

  onDrain(): void {
    this.output.drained();
    this.blockedSinceMs = 0;
    this.outputDrained();
  }

  onClose(): void {
    if (this.closed) return;
    this.state = 'closed';
    this.server.tick();
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
    this.output.close();
    this.server.forget(this);
  }

  /** The broker stops: the client is told, and has until the deadline to answer. */
  drain(): void {
    if (this.state === 'running') {
      this.closeConnection(
        new AmqpError(
          'connectionForced',
          "broker forced connection closure with reason 'shutdown'",
        ),
      );
    } else this.connection.end();
  }

  /** Publishers are held back or let go, as alarms and the disk say. */
  setStalled(stalled: boolean): void {
    if (this.#stalled === stalled) return;
    this.#stalled = stalled;
    if (stalled) this.connection.pause();
    else this.#proceed();
  }

  /** Ends the connection with an error, as `connection.close`; nothing more is read but its answer. */
  closeConnection(error: AmqpError, classId = 0, methodId = 0): void {
    if (this.state === 'closing' || this.closed) return;
    const peer = `${this.connection.remoteAddress}:${this.connection.remotePort}`;
    this.server.logger.warn({ peer, reason: error.replyText }, 'closed an AMQP connection');
    const { replyCode, replyText } = error;
    this.output.frame(
      methodFrame(0, 'connection.close', { replyCode, replyText, classId, methodId }),
    );
    this.state = 'closing';
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
    this.server.closingSoon(this);
  }

  /** Ends one channel with an error. */
  closeChannel(channel: Channel, error: AmqpError, classId: number, methodId: number): void {
    const { replyCode, replyText } = error;
    channel.sendConfirms();
    channel.close();
    const args = { replyCode, replyText, classId, methodId };
    this.output.frame(methodFrame(channel.number, 'channel.close', args));
    this.server.channelErrors.value += 1;
  }

  /** A channel that is over on both sides. */
  dropChannel(channel: Channel): void {
    this.channels.delete(channel.number);
    if (this.#current === channel) this.#current = undefined;
  }

  #readHeader(buffer: Buffer, start: number, end: number): number {
    if (end - start < PROTOCOL_HEADER_BYTES) return start;
    if (!acceptsProtocolHeader(buffer, start)) {
      this.output.frame(PROTOCOL_HEADER);
      this.output.finish();
      this.state = 'closed';
      this.connection.end();
      this.server.forget(this);
      return end;
    }
    this.state = 'start';
    this.server.sendStart(this);
    return start + PROTOCOL_HEADER_BYTES;
  }

  #readFrames(buffer: Buffer, start: number, end: number): number {
    let at = start;
    try {
      while (!this.#held && !this.#stalled && end - at >= FRAME_HEADER_BYTES) {
        if (this.#methodsLeft === 0) {
          this.#holdUntilNextTurn();
          break;
        }
        const bytes = frameBytes(buffer, at, this.frameMax);
        if (end - at < bytes) break;
        checkFrameEnd(buffer, at, bytes);
        const next = this.#frame(buffer, at, at + bytes, end);
        if (this.closed) return end;
        if (next === at) break;
        at = next;
      }
    } catch (error: unknown) {
      // Nothing tells where the next frame starts, so what is here is given up.
      this.#fail(error, 0, undefined);
      return end;
    }
    return at;
  }

  /** Handles the frame `[at, frameEnd)`, and returns up to where it has read. */
  #frame(buffer: Buffer, at: number, frameEnd: number, end: number): number {
    const type = buffer[at]!;
    const number = frameChannel(buffer, at);
    const payload = at + FRAME_HEADER_BYTES;
    if (type === FRAME_HEARTBEAT) return frameEnd;
    if (this.state === 'closing') {
      this.#closingFrame(buffer, payload, type);
      return frameEnd;
    }
    if (number === 0) {
      this.#method(buffer, payload, frameEnd - 1, undefined);
      return frameEnd;
    }
    let channel = this.#current;
    if (channel === undefined || channel.number !== number) {
      channel = this.channels.get(number);
      this.#current = channel;
    }
    if (channel === undefined) {
      this.#unopened(buffer, payload, frameEnd - 1, number, type);
      return frameEnd;
    }
    if (channel.closing) {
      this.#closingChannelFrame(buffer, payload, frameEnd - 1, type, channel);
      return frameEnd;
    }
    return this.#channelFrame(buffer, at, frameEnd, end, channel);
  }

  #channelFrame(
    buffer: Buffer,
    at: number,
    frameEnd: number,
    end: number,
    channel: Channel,
  ): number {
    const payload = at + FRAME_HEADER_BYTES;
    const type = buffer[at]!;
    const ids = type === FRAME_METHOD ? uint32At(buffer, payload) : BASIC_PUBLISH;
    try {
      if (type !== FRAME_METHOD) {
        this.#notePublishing(channel);
        if (type === FRAME_HEADER) channel.publishing.header(buffer, payload, frameEnd - 1);
        else if (type === FRAME_BODY) channel.publishing.body(buffer, payload, frameEnd - 1);
        return frameEnd;
      }
      if (channel.publishing.gathering) {
        this.#fail(channel.publishing.unexpected(), BASIC_PUBLISH, channel);
        return frameEnd;
      }
      if (ids === BASIC_PUBLISH) {
        this.#notePublishing(channel);
        const next = channel.publishing.method(buffer, at, frameEnd, end);
        if (next !== 0) return next < 0 ? at : next;
      } else if (ids === BASIC_ACK) {
        const tag = tagAt(buffer, payload, frameEnd - 1);
        channel.settle(tag, (tagBitsAt(buffer, payload) & 1) !== 0, 'ack');
        return frameEnd;
      }
    } catch (error: unknown) {
      this.#fail(error, ids, channel);
      return frameEnd;
    }
    this.#method(buffer, payload, frameEnd - 1, channel);
    return frameEnd;
  }

  /** Everything but the hot methods: read into an object and handed to its handler. */
  #method(buffer: Buffer, start: number, end: number, channel: Channel | undefined): void {
    const ids = end - start >= 4 ? uint32At(buffer, start) : 0;
    this.#methodsLeft -= 1;
    try {
      const { method, args } = readMethod(buffer, start, end);
      const handler = HANDLERS[method];
      if (handler === undefined || METHODS[method].sentBy === 'server') {
        throw new AmqpError('commandInvalid', 'unimplemented method');
      }
      if ((channel === undefined) !== method.startsWith('connection.')) {
        if (channel !== undefined) throw new AmqpError('commandInvalid', 'unimplemented method');
        const text = `unexpected method in connection state ${this.state}`;
        throw new AmqpError('channelError', text);
      }
      const waiting = handler(this, args as never, channel as Channel);
      if (waiting !== undefined) this.#hold(waiting, ids, channel);
    } catch (error: unknown) {
      this.#fail(error, ids, channel);
    }
  }

  /** A client may pack thousands of methods into one packet; they are not to hold up everybody else. */
  #holdUntilNextTurn(): void {
    this.#held = true;
    this.connection.pause();
    this.server.environment.timers.immediate(() => {
      this.#held = false;
      this.#proceed();
    });
  }

  #hold(waiting: Promise<void>, ids: number, channel: Channel | undefined): void {
    this.#held = true;
    this.connection.pause();
    waiting
      .catch((error: unknown) => {
        if (!this.closed) this.#fail(error, ids, channel);
      })
      .finally(() => {
        this.#held = false;
        this.#proceed();
      })
      // What goes wrong with the frames behind it has been answered there.
      .catch((error: unknown) => this.#crash(error));
  }

  #proceed(): void {
    if (this.#held || this.#stalled || this.closed) return;
    this.connection.resume();
    this.connection.proceed();
  }

  /** Before a channel is open only `channel.open` may come on it. */
  #unopened(buffer: Buffer, start: number, end: number, number: number, type: number): void {
    if (type !== FRAME_METHOD || end - start < 4) {
      const text = 'expected method frame, got non method frame instead';
      throw new AmqpError('unexpectedFrame', text);
    }
    if (methodNameAt(buffer, start) === 'channel.open') {
      if (this.state !== 'running') throw new AmqpError('commandInvalid', 'channel.open too early');
      if (number > this.channelMax) {
        throw new AmqpError(
          'notAllowed',
          `channel number ${number} is greater than the negotiated maximum ${this.channelMax}`,
        );
      }
      const channel = new Channel(number, this);
      this.channels.set(number, channel);
      this.#method(buffer, start, end, channel);
      return;
    }
    const error = new AmqpError('channelError', `expected 'channel.open'`);
    this.#fail(error, uint32At(buffer, start), undefined);
  }

  /**
   * We have sent channel.close: its answer ends the channel. A close of the peer that has crossed it is answered; then
   * the peer may answer ours, or go on as if it had.
   */
  #closingChannelFrame(
    buffer: Buffer,
    start: number,
    end: number,
    type: number,
    channel: Channel,
  ): void {
    if (type !== FRAME_METHOD || end - start < 4) return;
    const name: MethodName | undefined = methodNameAt(buffer, start);
    if (name === 'channel.close') {
      channel.crossed = true;
      this.output.frame(methodFrame(channel.number, 'channel.close-ok', {}));
    } else if (name === 'channel.close-ok') this.dropChannel(channel);
    else if (name === 'channel.open' && channel.crossed) {
      this.dropChannel(channel);
      this.#unopened(buffer, start, end, channel.number, type);
    }
  }

  #closingFrame(buffer: Buffer, start: number, type: number): void {
    if (type !== FRAME_METHOD) return;
    const name = methodNameAt(buffer, start);
    if (name === 'connection.close') this.output.frame(methodFrame(0, 'connection.close-ok', {}));
    if (name === 'connection.close-ok' || name === 'connection.close') this.finish();
  }

  /** Sends what is left and closes the socket. */
  finish(): void {
    this.output.finish();
    this.onClose();
    this.connection.end();
  }

  #notePublishing(channel: Channel): void {
    if (this.#publishing === channel) return;
    this.publisher = true;
    this.#publishing = channel;
    if (!this.#published.includes(channel)) this.#published.push(channel);
    this.server.holdPublisher(this);
  }

  #endBurst(): void {
    this.#publishing = undefined;
    if (this.#published.length > 0) {
      for (const channel of this.#published) {
        if (!channel.closing && !this.closed) channel.noteConfirms();
      }
      this.#published = [];
    }
    this.resumeConsumers();
  }

  /** Closes what the error belongs to. */
  #fail(thrown: unknown, ids: number, channel: Channel | undefined): void {
    const error = asAmqpError(thrown);
    const classId = ids >>> 16;
    const methodId = ids & 0xffff;
    if (error instanceof AmqpSyntaxError) {
      const { replyCode } = error;
      const text = `${REPLY_NAME[replyCode]} - ${error.message}`;
      this.#failHard(replyCode, text, error.classId, error.methodId);
    } else if (error instanceof AmqpError) {
      const soft = channel !== undefined && !isHardError(error.replyCode);
      if (soft) this.closeChannel(channel, error, classId, methodId);
      else this.closeConnection(error, classId, methodId);
    } else this.#crash(error);
  }

  #failHard(replyCode: number, replyText: string, classId: number, methodId: number): void {
    this.server.protocolErrors.value += 1;
    // A peer that has not even logged in gets no explanation: it may not speak AMQP at all.
    if (this.state === 'start' || this.state === 'header') {
      this.connection.fail(new ProtocolError(replyText));
      return;
    }
    const error = Object.assign(new AmqpError('syntaxError', ''), { replyCode, replyText });
    this.closeConnection(error, classId, methodId);
  }

  /** A bug: this connection ends, the broker goes on. */
  #crash(error: unknown): void {
    this.server.logger.error({ error, peer: this.connection.remoteAddress }, 'a method failed');
    const text = 'the broker failed to handle a method; its log says why';
    this.closeConnection(new AmqpError('internalError', text));
  }
}
