/**
 * One Redis connection: bytes in, commands to their handlers, replies and messages out.
 *
 * Commands are walked where they lie in the reader's memory, strictly one after the other. PUBLISH is recognised by its
 * bytes (`publishing.ts`); everything else becomes a list of arguments and goes through the table (`commands.ts`).
 *
 *   reading ─► held ─► reading        a PUBLISH waits for the disk, and a command that is none comes behind it;
 *      │                              or a client has sent so much that others should get their turn
 *      └─► ended
 *
 * A command of which not all has come stays in the reader's memory while it is small; a large one is gathered. What this
 * connection publishes to itself is sent behind the reply of the command.
 */
import type { Connection, Session } from '../../net/connection.ts';
import { Output } from '../../net/output.ts';
import { type CommandScan, startsCommand } from './codec/command-scan.ts';
import { inlineEnd, splitInline } from './codec/inline-command.ts';
import { NUMBER_LINE_BYTES_MAX, writeNumberLine } from './codec/numbers.ts';
import { NoReplies, Reply, type RespVersion } from './codec/reply.ts';
import { RespError } from './codec/resp-error.ts';
import { execute } from './execute.ts';
import { Gathering } from './gathering.ts';
import { HeldReplies, writeCount } from './held-replies.ts';
import { Publishing } from './publishing.ts';
import type { RedisServer } from './server.ts';
import { type SubscriptionKind, Subscriptions } from './subscriptions.ts';
import type { Transaction } from './transaction.ts';

/** Publishing is not counted. */
const COMMANDS_PER_TURN = 1_000;
/** A command whose parts wait in the reader's memory is gathered from here on. */
const WAITING_BYTES_MAX = 128 * 1024;
/** A client that does not read its replies is not read either. */
const UNREAD_BYTES_MAX = 1024 * 1024;
/** More than this on its way to the disk, and publishers of what is kept wait. */
const UNCOMMITTED_BYTES_MAX = 64 * 1024 * 1024;
/** More replies than this wait for the disk, and the publisher waits too. */
const HELD_REPLIES_MAX = 100_000;
const COLON = 58;
const NO_REPLIES = new NoReplies();

export class RedisSession implements Session {
  readonly id: number;
  readonly server: RedisServer;
  readonly connection: Connection;
  readonly output: Output;
  /** What handlers answer with. */
  readonly reply: Reply;
  readonly openedMs: number;
  name = '';
  library = { name: '', version: '' };
  database = 0;
  lastCommand = 'NULL';
  lastCommandMs: number;
  transaction: Transaction | undefined;
  /** It is about to be told to go: what it says is not heard. */
  refused = false;
  noEvict = false;
  noTouch = false;
  /** `CLIENT REPLY`: replies are left out, for good or for one command. */
  replies: 'on' | 'off' | 'skip-next' | 'skip' = 'on';
  /** Undefined until it subscribes. */
  #subscriptions: Subscriptions | undefined;
  readonly #publishing: Publishing;
  #heldReplies: HeldReplies | undefined;
  #scan: CommandScan | undefined;
  #gathering: Gathering | undefined;
  /** Messages to itself. */
  #deferred: Buffer[] = [];
  #held = false;
  #ended = false;
  #commandsLeft = COMMANDS_PER_TURN;

  constructor(connection: Connection, server: RedisServer, id: number) {
    this.connection = connection;
    this.server = server;
    this.id = id;
    this.openedMs = server.nowMs;
    this.lastCommandMs = server.nowMs;
    this.output = new Output(connection, server.arenas, () => server.flushLater(this));
    this.reply = new Reply(this.output);
    this.#publishing = new Publishing(this);
  }

  get subscriptions(): Subscriptions {
    this.#subscriptions ??= new Subscriptions(
      this.server.broker.exchanges.subscribe('', this.server.delivery, this),
      this.server.counts,
    );
    return this.#subscriptions;
  }

  get subscriptionCount(): number {
    return this.#subscriptions?.total ?? 0;
  }

  get subscriptionSizes(): Readonly<Record<SubscriptionKind, number>> {
    const known = this.#subscriptions;
    const size = (kind: SubscriptionKind): number => known?.size(kind) ?? 0;
    return { channel: size('channel'), pattern: size('pattern'), shard: size('shard') };
  }

  get publishing(): Publishing {
    return this.#publishing;
  }

  /** The client wants no reply to this command. */
  get silent(): boolean {
    return this.replies === 'off' || this.replies === 'skip';
  }

  get ended(): boolean {
    return this.#ended;
  }

  onSpan(buffer: Buffer, start: number, end: number): number {
    const { server } = this;
    if (this.refused) return end - start;
    server.tick();
    this.#commandsLeft = COMMANDS_PER_TURN;
    let at = start;
    try {
      at = this.#read(buffer, start, end);
      if (at > start && this.#gathering === undefined) this.connection.greet();
    } catch (error: unknown) {
      this.#fail(error);
      at = end;
    } finally {
      this.#endBurst();
    }
    return this.#ended ? end - start : at - start;
  }

  onDrain(): void {
    this.output.drained();
    this.#proceed();
  }

  onClose(): void {
    this.#ended = true;
    this.closeSubscriptions();
    this.transaction = undefined;
    this.#dropGathering();
    this.#heldReplies = undefined;
    this.output.close();
    this.server.forget(this);
  }

  /** The broker stops: replies that wait for the disk still leave. */
  drain(): void {
    if (this.#waiting === 0) this.end();
    else this.#endsWhenSettled = true;
  }

  #endsWhenSettled = false;

  /** Sends what is left, and `last`, and closes the connection. */
  end(last?: Buffer): void {
    if (this.#ended) return;
    if (last !== undefined) this.output.frame(last);
    this.#ended = true;
    // Nothing may be written behind the end.
    this.closeSubscriptions();
    this.output.finish();
    this.connection.end();
  }

  /** The client reads too slowly. */
  cutSlow(reason: string): void {
    if (this.connection.closed) return;
    const { logger, slowClients } = this.server;
    const peer = `${this.connection.remoteAddress}:${this.connection.remotePort}`;
    logger.warn({ peer, client: this.name, reason }, 'cut off a Redis client that does not read');
    slowClients.value += 1;
    this.#ended = true;
    this.closeSubscriptions();
    this.connection.destroy();
  }

  setVersion(version: RespVersion): void {
    if (this.reply.version === version) return;
    this.reply.version = version;
    if (this.subscriptionCount > 0) this.server.delivery.forgetPlans();
  }

  /** Closes all subscriptions, without a word to the client. */
  closeSubscriptions(): void {
    this.#subscriptions?.close();
    this.#subscriptions = undefined;
  }

  /** A PUBLISH where it lies: the commonest of all, so it writes its reply itself. */
  answerInPlace(count: number): void {
    if (this.#waiting > 0 || this.publishing.stored) this.#holdReply(count);
    else if (count >= 0) {
      const { output } = this;
      const buffer = output.reserve(NUMBER_LINE_BYTES_MAX);
      output.position = writeNumberLine(buffer, output.position, COLON, count);
    } else writeCount(count, this.reply);
  }

  /** The reply of a PUBLISH that came as separate arguments. */
  answerPublish(count: number): void {
    const { transaction, publishing } = this;
    if (transaction !== undefined && publishing.stored) transaction.keep(this);
    const waits = this.#waiting > 0 || publishing.stored;
    if (transaction === undefined && waits && !this.silent) this.#holdReply(count);
    else writeCount(count, this.reply);
  }

  #holdReply(count: number): void {
    const { store } = this.server.broker.queues;
    const held = this.heldReplies;
    held.add(count, store.position, this.publishing.streamsPending());
    const tooMuch = store.uncommittedBytes > UNCOMMITTED_BYTES_MAX;
    if (tooMuch || held.count >= HELD_REPLIES_MAX) this.#hold();
  }

  /** The replies of a transaction, valid during the call, whose messages somebody keeps. */
  holdBytes(bytes: Buffer, streams: readonly Promise<void>[]): void {
    const { position } = this.server.broker.queues.store;
    this.heldReplies.addBytes(Buffer.from(bytes), position, streams);
  }

  get heldReplies(): HeldReplies {
    this.#heldReplies ??= new HeldReplies(() => {
      this.settle();
    });
    return this.#heldReplies;
  }

  /** Sends the replies that are due. Returns whether more are to come. */
  settle(): boolean {
    const held = this.#heldReplies;
    if (held === undefined || this.connection.closed) return false;
    const { store } = this.server.broker.queues;
    const waits = held.write(store.committed, this.reply);
    if (!waits && this.#endsWhenSettled) this.end();
    else if (this.#held && (!waits || store.uncommittedBytes < UNCOMMITTED_BYTES_MAX / 4)) {
      this.#proceedLater();
    }
    return waits;
  }

  /** A message that it has published to itself comes behind the reply. */
  deferPush(frame: Buffer): void {
    this.#deferred.push(frame);
  }

  sendDeferred(): void {
    if (this.#deferred.length === 0) return;
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const frame of deferred) this.output.frame(frame);
  }

  get #waiting(): number {
    return this.#heldReplies?.count ?? 0;
  }

  /** PUBLISH may be taken where it lies: nothing is special about this connection. */
  get #plain(): boolean {
    return this.replies === 'on' && this.transaction === undefined && this.subscriptionCount === 0;
  }

  #read(buffer: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#gathering !== undefined) {
      at = this.#gather(buffer, at, end);
      if (this.#gathering !== undefined) return at;
    }
    let plain = this.#plain && this.#scan === undefined;
    while (at < end && !this.#held && !this.#ended) {
      const taken = plain ? this.#publishing.take(buffer, at, end) : 0;
      if (taken !== 0) {
        at = taken;
        this.server.commandCount.value += 1;
        continue;
      }
      const next = this.#command(buffer, at, end);
      if (next === at) break;
      at = next;
      plain = this.#plain;
    }
    return at;
  }

  /** Returns where the command at `at` ends, or `at` if it waits for more bytes or for its turn. */
  #command(buffer: Buffer, at: number, end: number): number {
    if (!startsCommand(buffer, at)) {
      const lineEnd = inlineEnd(buffer, at, end);
      if (lineEnd === 0 || !this.#run(splitInline(buffer, at, lineEnd))) return at;
      return lineEnd;
    }
    const scan = this.#scan ?? this.server.takeScan();
    this.#scan = scan;
    if (!scan.scan(buffer, at, end)) {
      return end - at > WAITING_BYTES_MAX ? this.#gather(buffer, at, end) : at;
    }
    const { bytes } = scan;
    return this.#runScanned(buffer, at) ? at + bytes : at;
  }

  /** Adds to the command that is being gathered, and runs it once it is whole. Returns up to where it has read. */
  #gather(buffer: Buffer, start: number, end: number): number {
    const gathering = this.#gathering ?? new Gathering(this.server.gatheredBytes);
    this.#gathering = gathering;
    const scan = this.#scan!;
    const before = gathering.bytes;
    if (!gathering.add(buffer, start, end)) {
      throw new RespError('ERR PolyMQ is reading too many large commands at the same time');
    }
    if (!scan.scan(gathering.buffer, 0, gathering.bytes)) return end;
    const next = start + scan.bytes - before;
    this.#runGathered();
    return next;
  }

  #runGathered(): void {
    const gathering = this.#gathering;
    if (gathering === undefined || !this.#scan!.whole) return;
    if (this.#runScanned(gathering.buffer, 0)) this.#dropGathering();
  }

  #dropGathering(): void {
    this.#gathering?.release();
    this.#gathering = undefined;
  }

  /** Runs the command that has been scanned and starts at `at`. False: it must wait. */
  #runScanned(buffer: Buffer, at: number): boolean {
    const scan = this.#scan!;
    const args: Buffer[] = [];
    for (let index = 0; index < scan.count; index++) {
      args.push(buffer.subarray(at + scan.starts[index]!, at + scan.ends[index]!));
    }
    if (!this.#run(args)) return false;
    this.server.giveScan(scan);
    this.#scan = undefined;
    return true;
  }

  /** False: it must wait, and everything behind it. */
  #run(args: readonly Buffer[]): boolean {
    if (args.length === 0) return true;
    const publishes = this.transaction === undefined && isPublish(args[0]!);
    if (this.#mustWait(publishes)) return false;
    this.#commandsLeft -= 1;
    this.server.commandCount.value += 1;
    this.lastCommandMs = this.server.nowMs;
    if (this.silent) this.reply.sink = NO_REPLIES;
    try {
      execute(this, args);
    } finally {
      this.reply.sink = this.output;
    }
    if (this.replies === 'skip') this.replies = 'on';
    else if (this.replies === 'skip-next') this.replies = 'skip';
    this.sendDeferred();
    return true;
  }

  /** Replies leave in order, and nobody may keep the broker to himself. */
  #mustWait(publishes: boolean): boolean {
    if (this.#waiting > 0 && !publishes) {
      this.#hold();
      return true;
    }
    if (this.#commandsLeft > 0 && this.output.bytes < UNREAD_BYTES_MAX) return false;
    this.#hold();
    if (!this.output.blocked) this.#proceedLater();
    return true;
  }

  #hold(): void {
    this.#held = true;
    this.connection.pause();
  }

  #proceedLater(): void {
    this.server.environment.timers.immediate(() => this.#proceed());
  }

  /** Goes on; if there is still a reason to wait, that shows again. */
  #proceed(): void {
    if (!this.#held || this.#ended) return;
    this.#held = false;
    this.#commandsLeft = COMMANDS_PER_TURN;
    this.server.tick();
    if (this.#gathering !== undefined) {
      try {
        this.#runGathered();
      } catch (error: unknown) {
        this.#fail(error);
      }
      this.#endBurst();
    }
    if (this.#held || this.#ended) return;
    this.connection.resume();
    this.connection.proceed();
  }

  #endBurst(): void {
    this.server.draft.content = NOTHING;
    const held = this.#heldReplies;
    if (held === undefined || held.count === 0) return;
    held.endBurst();
    if (this.settle()) this.server.awaitCommit(this);
  }

  /** The peer does not speak RESP: it is told, as Redis does, and the connection ends. */
  #fail(error: unknown): void {
    if (error instanceof RespError) {
      this.connection.noteProtocolError(error.message);
      const code = error.message.startsWith('ERR ') ? '' : 'ERR ';
      this.end(Buffer.from(`-${code}${error.message}\r\n`));
      return;
    }
    this.server.logger.error({ error, peer: this.connection.remoteAddress }, 'a command failed');
    this.end(Buffer.from('-ERR PolyMQ failed to handle a command; its log says why\r\n'));
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

function isPublish(name: Buffer): boolean {
  const sharded = name.length === 8;
  if (!sharded && name.length !== 7) return false;
  return name.toString('latin1').toLowerCase() === (sharded ? 'spublish' : 'publish');
}
