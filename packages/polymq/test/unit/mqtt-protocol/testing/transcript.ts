/**
 * Runs a conversation between MQTT clients and a broker, and returns it with the broker's lines as they came.
 *
 *   > a 5 connect id=me               opens connection `a` as a client of MQTT 5 and sends a CONNECT; 4 is 3.1.1, 3 is 3.1
 *   > a 5 socket                      opens it and says nothing yet
 *   > a subscribe id=1 qos=1 "t/#"    any packet, with its fields (docs of `packetOf`)
 *   < a suback id=1 0x01              what the broker says to it
 *   >> a …                            the same as `>`, but sent at once with the next line, in one write if it is of the same connection
 *   > a cut, > a stall, > a unstall   the client goes away, or stops reading, or reads again
 *   > advance 1500                    time passes, in ms
 *   > crash, > stop                   the broker is killed, or stopped, and starts again over the same disk
 *   > amqp exchange key "body"        a message that is published to an exchange by other means
 *   # mqtt.inflightMax=2              a setting
 *
 * Every line is answered in full before the next is sent.
 */
import { parseLine } from '../../amqp-protocol/testing/line.ts';
import type { Pipe } from '../../amqp-protocol/testing/transcript.ts';
import { PacketReader, packetOf, type Version } from './packet-text.ts';

/** A broker that a transcript can be run against. */
export interface Peer {
  connect(remoteAddress: string | undefined): Promise<Pipe> | Pipe;
  /** Resolves when nothing more is expected to come; `busy` looks for news. */
  settle(busy: () => boolean): Promise<void>;
  advance?(durationMs: number): Promise<void>;
  restart?(how: 'crash' | 'stop'): Promise<void>;
}

interface Client {
  version: Version;
  pipe: Pipe;
  reader: PacketReader;
  unsent: Buffer[];
  reportedClosed: boolean;
}

export async function runTranscript(text: string, peer: Peer): Promise<string> {
  return await new Transcript(peer).run(text);
}

class Transcript {
  readonly #peer: Peer;
  readonly #clients = new Map<string, Client>();
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
    const [name = '', ...rest] = text.split(' ');
    if (name === 'advance') return this.#peer.advance!(Number(rest[0]));
    if (name === 'crash' || name === 'stop') return this.#peer.restart!(name);
    const [, version] = /^[345]$/.exec(rest[0] ?? '') === null ? [] : [undefined, rest.shift()];
    if (version !== undefined) await this.#open(name, Number(version) as Version, rest.join(' '));
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`there is no connection ${name}`);
    const { pipe, unsent } = client;
    const [what = ''] = rest;
    if (what === 'cut') pipe.cut();
    else if (what === 'stall') pipe.stall!();
    else if (what === 'unstall') pipe.unstall!();
    else if (what !== 'socket') unsent.push(packetOf(client.version, parseLine(rest.join(' '))));
    if (!together) this.#sendAll();
  }

  #sendAll(): void {
    for (const { pipe, unsent } of this.#clients.values()) {
      if (unsent.length > 0) pipe.send(Buffer.concat(unsent.splice(0)));
    }
  }

  async #open(name: string, version: Version, text: string): Promise<void> {
    this.#collect();
    const { args } = parseLine(text);
    const pipe = await this.#peer.connect(args['from'] as string | undefined);
    const reader = new PacketReader(version);
    this.#clients.set(name, { version, pipe, reader, unsent: [], reportedClosed: false });
  }

  /** Writes down what has come. Returns whether there was anything. */
  #collect(): boolean {
    const before = this.#lines.length;
    for (const [name, client] of this.#clients) {
      const { pipe, reader } = client;
      for (const line of reader.read(pipe.receive())) this.#lines.push(`< ${name} ${line}`);
      if (pipe.closed && !client.reportedClosed) {
        client.reportedClosed = true;
        this.#lines.push(`< ${name} closed`);
      }
    }
    return this.#lines.length > before;
  }
}
