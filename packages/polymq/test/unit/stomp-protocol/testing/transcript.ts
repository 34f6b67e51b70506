/**
 * Runs a conversation between STOMP clients and a broker, and returns it with the broker's lines as they came.
 *
 *   > a connect 1.2                   opens connection `a` and logs in; without a version it speaks 1.0
 *   > a SEND destination:/queue/x | hello
 *                                     a frame: headers as they stand on the wire, in quotes if there are spaces in one, then
 *                                     the body as in JSON text
 *   < a MESSAGE destination:… | hello what the broker says
 *   >> a …                            the same as `>`, but sent at once with the next line, in one write
 *   > a raw SEND\ndestination…        octets as in JSON text
 *   > a socket from=10.0.0.1          opens a connection and says nothing yet
 *   > a cut, > a stall, > a unstall   the client goes away, or stops reading, or reads again
 *   > advance 1500                    time passes, in ms
 *   > alarm memory on                 the broker runs low, or has enough again
 *
 * Names that the broker makes up are numbered: `<session-1>`. Every line is answered in full before the next is sent.
 */

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
  received: Buffer;
  unsent: Buffer[];
  reportedClosed: boolean;
}

/** RabbitMQ's are of the same form. */
const GENERATED = /(session|amq\.gen|stomp-subscription)-[A-Za-z0-9_-]{22}/g;
const SERVER = /server:RabbitMQ\/\S+( PolyMQ\/\S+)?/;

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
    const [first = '', second = '', third] = text.split(' ');
    if (first === 'advance') return this.#peer.advance!(Number(second));
    if (first === 'alarm') return this.#peer.alarm!(second, third === 'on');
    const rest = this.#realNames(text.slice(first.length + 1));
    if (second === 'socket' || second === 'connect') {
      await this.#open(first, /from=(\S+)/.exec(rest)?.[1]);
      if (second === 'connect') this.#client(first).unsent.push(connectFrame(third));
    } else if (second === 'cut') this.#client(first).pipe.cut();
    else if (second === 'stall') this.#client(first).pipe.stall!();
    else if (second === 'unstall') this.#client(first).pipe.unstall!();
    else if (second === 'raw') {
      this.#client(first).unsent.push(Buffer.from(JSON.parse(`"${rest.slice(4)}"`) as string));
    } else this.#client(first).unsent.push(frameOf(rest));
    if (!together) this.#sendAll();
  }

  #sendAll(): void {
    for (const { pipe, unsent } of this.#clients.values()) {
      if (unsent.length > 0) pipe.send(Buffer.concat(unsent.splice(0)));
    }
  }

  async #open(name: string, from: string | undefined): Promise<void> {
    const pipe = await this.#peer.connect(from);
    const received = Buffer.alloc(0);
    this.#clients.set(name, { pipe, received, unsent: [], reportedClosed: false });
  }

  #client(name: string): Client {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`there is no connection ${name}`);
    return client;
  }

  #collect(): boolean {
    let news = false;
    for (const [name, client] of this.#clients) {
      client.received = Buffer.concat([client.received, client.pipe.receive()]);
      for (let text = takeFrame(client); text !== undefined; text = takeFrame(client)) {
        this.#lines.push(`< ${name} ${this.#numbered(text)}`);
        news = true;
      }
      if (!client.pipe.closed || client.reportedClosed) continue;
      client.reportedClosed = true;
      this.#lines.push(`< ${name} closed`);
      news = true;
    }
    return news;
  }

  #numbered(text: string): string {
    return text.replaceAll(GENERATED, (real, kind: string) => {
      const known = [...this.#names].find(([, name]) => name === real)?.[0];
      if (known !== undefined) return known;
      const count = [...this.#names.keys()].filter((name) => name.startsWith(`<${kind}`)).length;
      const name = `<${kind}-${count + 1}>`;
      this.#names.set(name, real);
      return name;
    });
  }

  #realNames(text: string): string {
    return text.replaceAll(/<[a-z.-]+-\d+>/g, (name) => this.#names.get(name) ?? name);
  }
}

function connectFrame(version: string | undefined): Buffer {
  const accept = version === undefined ? '' : `accept-version:${version}\n`;
  return Buffer.from(`CONNECT\n${accept}host:/\nlogin:guest\npasscode:guest\n\n\0`);
}

function frameOf(text: string): Buffer {
  const at = text.indexOf(' | ');
  const head = at < 0 ? text : text.slice(0, at);
  const body = at < 0 ? '' : (JSON.parse(`"${text.slice(at + 3)}"`) as string);
  const [command, ...headers] = head.match(/"[^"]*"|\S+/g) ?? [];
  const lines = headers.map((header) => `${header.replaceAll('"', '')}\n`);
  return Buffer.from(`${command}\n${lines.join('')}\n${body}\0`);
}

/** One frame as a line. */
function takeFrame(client: Client): string | undefined {
  const { received } = client;
  if (received.length === 0) return undefined;
  if (received[0] === 0x0a) {
    client.received = received.subarray(1);
    return '(heart-beat)';
  }
  const headEnd = received.indexOf('\n\n');
  if (headEnd < 0) return undefined;
  const [command = '', ...headers] = received.toString('utf8', 0, headEnd).split('\n');
  const length = /\ncontent-length:(\d+)/.exec(received.toString('utf8', 0, headEnd))?.[1];
  const bodyStart = headEnd + 2;
  const bodyEnd =
    length === undefined ? received.indexOf(0, bodyStart) : bodyStart + Number(length);
  if (bodyEnd < 0 || bodyEnd >= received.length) return undefined;
  // The line end behind a frame belongs to it, so that heart-beats can be told.
  const end = received[bodyEnd + 1] === 0x0a ? bodyEnd + 2 : bodyEnd + 1;
  client.received = received.subarray(end);
  const body = JSON.stringify(received.toString('utf8', bodyStart, bodyEnd)).slice(1, -1);
  const words = [command, ...headers.map(quoted)].join(' ').replace(SERVER, 'server:…');
  return body === '' ? words : `${words} | ${body}`;
}

function quoted(header: string): string {
  const text = header.replaceAll('\r', '␍');
  return text.includes(' ') && !text.startsWith('server:') ? `"${text}"` : text;
}
