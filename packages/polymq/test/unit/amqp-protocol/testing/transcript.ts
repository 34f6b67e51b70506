/**
 * Runs a conversation between AMQP clients and a broker, and returns it with the broker's lines as they came.
 *
 *   > a connect                       opens connection `a` and logs in; channel 1 is opened with it
 *   > a.1 queue.declare queue=q       a method on channel 1 of `a`, with its arguments (docs of `framesOf`)
 *   < a.1 queue.declare-ok queue=q …  what the broker says to it
 *   >> a.1 …                          the same as `>`, but sent at once with the next line, in one write if it is of the same connection
 *   > a.1 reopen                      answers the broker's `channel.close`, if there was one, and opens it again
 *   > a socket                        opens a connection and says nothing yet
 *   > a cut, > a stall, > a unstall   the client goes away, or stops reading, or reads again
 *   > advance 1500                    time passes, in ms
 *   > alarm memory on                 the broker runs low, or has enough again
 *
 * Names that the broker makes up are numbered: `<gen-1>`. Every line is answered in full before the next is sent.
 */
import { FrameReader, framesOf } from './frame-text.ts';
import { parseLine } from './line.ts';

/** The client's end of a connection. */
export interface Pipe {
  readonly closed: boolean;
  send(bytes: Buffer): void;
  /** What has come since the last call. */
  receive(): Buffer;
  cut(): void;
  stall?(): void;
  unstall?(): void;
}

/** A broker that a transcript can be run against. */
export interface Peer {
  connect(remoteAddress: string | undefined): Promise<Pipe> | Pipe;
  /** Resolves when nothing more is expected to come; `busy` looks for news. */
  settle(busy: () => boolean): Promise<void>;
  advance?(durationMs: number): Promise<void>;
  alarm?(resource: string, on: boolean): void;
}

interface Client {
  pipe: Pipe;
  reader: FrameReader;
  unsent: Buffer[];
  reportedClosed: boolean;
  /** Channels that the broker has closed, and that were not opened again with `reopen`. */
  closedChannels: Set<number>;
}

const GENERATED = /amq\.(gen|ctag|rabbitmq\.reply-to)[-.][A-Za-z0-9_+/=.-]{16,}/g;

export async function runTranscript(text: string, peer: Peer): Promise<string> {
  return await new Transcript(peer).run(text);
}

class Transcript {
  readonly #peer: Peer;
  readonly #clients = new Map<string, Client>();
  readonly #names = new Map<string, string>();
  #lines: string[] = [];

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  async run(text: string): Promise<string> {
    const output: string[] = [];
    for (const line of text.trimEnd().split('\n')) {
      if (line.startsWith('<')) continue;
      output.push(line);
      if (!line.startsWith('>')) continue;
      const together = line.startsWith('>>');
      await this.#command(line.slice(together ? 2 : 1).trim(), together);
      if (together) continue;
      await this.#peer.settle(() => this.#collect());
      output.push(...this.#lines.splice(0));
    }
    for (const { pipe } of this.#clients.values()) pipe.cut();
    return `${output.join('\n')}\n`;
  }

  async #command(text: string, together: boolean): Promise<void> {
    const [first = '', ...rest] = text.split(' ');
    const [name = '', channel] = first.split('.');
    const remainder = this.#realNames(rest.join(' '));
    if (first === 'advance') await this.#peer.advance!(Number(rest[0]));
    else if (first === 'alarm') this.#peer.alarm!(rest[0]!, rest[1] === 'on');
    else if (channel !== undefined) {
      const client = this.#client(name);
      if (rest[0] === 'reopen') await this.#reopen(client, Number(channel));
      else client.unsent.push(framesOf(Number(channel), parseLine(remainder)));
      if (!together) this.#sendAll();
    } else await this.#connectionCommand(name, remainder);
  }

  #sendAll(): void {
    for (const { pipe, unsent } of this.#clients.values()) {
      if (unsent.length > 0) pipe.send(Buffer.concat(unsent.splice(0)));
    }
  }

  async #reopen({ pipe, closedChannels }: Client, channel: number): Promise<void> {
    if (!closedChannels.delete(channel)) return;
    for (const line of ['channel.close-ok', 'channel.open']) {
      pipe.send(framesOf(channel, parseLine(line)));
    }
    await this.#peer.settle(() => this.#collect());
    this.#lines.pop();
  }

  async #connectionCommand(name: string, text: string): Promise<void> {
    const { words, args } = parseLine(text);
    const pipe = this.#clients.get(name)?.pipe;
    switch (words[0]) {
      case 'socket':
        await this.#open(name, args['from'] as string | undefined);
        return;
      case 'connect':
        await this.#open(name, args['from'] as string | undefined);
        await this.#logIn(name, args);
        return;
      case 'cut':
        pipe!.cut();
        return;
      case 'stall':
        pipe!.stall!();
        return;
      case 'unstall':
        pipe!.unstall!();
        return;
      default:
        throw new Error(`no command ${text}`);
    }
  }

  async #open(name: string, from: string | undefined): Promise<void> {
    const pipe = await this.#peer.connect(from);
    const reader = new FrameReader();
    const closedChannels = new Set<number>();
    this.#clients.set(name, { pipe, reader, unsent: [], reportedClosed: false, closedChannels });
  }

  /** The whole handshake and `channel.open` on channel 1, without a line of it. */
  async #logIn(name: string, args: Record<string, unknown>): Promise<void> {
    const { pipe } = this.#client(name);
    const say = (channel: number, line: string) => pipe.send(framesOf(channel, parseLine(line)));
    const wait = () => this.#peer.settle(() => this.#collect());
    const { user = 'guest', vhost = '/', heartbeat = 0, frameMax = 131_072 } = args;
    const capabilities =
      args['capabilities'] === 'none'
        ? '{}'
        : '{"consumer_cancel_notify":true,"connection.blocked":true,"authentication_failure_close":true,"basic.nack":true,"publisher_confirms":true}';
    say(0, 'protocol-header');
    await wait();
    say(
      0,
      `connection.start-ok mechanism=PLAIN response="|${user}|${user}" locale=en_US clientProperties={"capabilities":${capabilities}}`,
    );
    await wait();
    say(0, `connection.tune-ok channelMax=2047 frameMax=${frameMax} heartbeat=${heartbeat}`);
    say(0, `connection.open virtualHost=${vhost}`);
    await wait();
    say(1, 'channel.open');
    await wait();
    const last = this.#lines.splice(0).at(-1);
    if (last !== `< ${name}.1 channel.open-ok`) throw new Error(`cannot log in: ${last}`);
  }

  #client(name: string): Client {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`there is no connection ${name}`);
    return client;
  }

  /** Writes down what has come. Returns whether there was anything. */
  #collect(): boolean {
    const before = this.#lines.length;
    for (const [name, client] of this.#clients) {
      const { pipe, reader } = client;
      for (const line of reader.read(pipe.receive())) {
        const [, channel] = /^([0-9]+) channel\.close /.exec(line) ?? [];
        if (channel !== undefined) client.closedChannels.add(Number(channel));
        this.#lines.push(`< ${name}.${this.#numberedNames(line)}`);
      }
      if (pipe.closed && !client.reportedClosed) {
        client.reportedClosed = true;
        this.#lines.push(`< ${name} closed`);
      }
    }
    return this.#lines.length > before;
  }

  #numberedNames(line: string): string {
    return line.replace(GENERATED, (real, kind: string) => {
      const known = [...this.#names].find(([, name]) => name === real)?.[0];
      if (known !== undefined) return known;
      const short = kind === 'rabbitmq.reply-to' ? 'reply-to' : kind;
      const count = [...this.#names.keys()].filter((name) => name.startsWith(`<${short}`)).length;
      const numbered = `<${short}-${count + 1}>`;
      this.#names.set(numbered, real);
      return numbered;
    });
  }

  #realNames(text: string): string {
    return text.replace(/<(gen|ctag|reply-to)-[0-9]+>/g, (name) => this.#names.get(name) ?? name);
  }
}
