/**
 * Runs a conversation between clients and a broker, and returns it with the broker's lines as they came.
 *
 *   > a …                             what connection `a` says, in the language of its protocol; some lines open it
 *   > a … from=10.0.0.1               opens it from that address
 *   < a …                             what the broker says to it
 *   < a closed                        the broker has closed it
 *   >> a …                            the same as `>`, but sent at once with the next line, in one write if it is of the same connection
 *   > a cut, > a stall, > a unstall   the client goes away, or stops reading, or reads again
 *   > advance 1500                    time passes, in ms
 *   > crash, > stop                   the broker is killed, or stopped, and starts again over the same disk
 *
 * Names that the broker makes up are numbered: `<gen-1>`. Every line is answered in full before the next is sent.
 */
import { GeneratedNames } from './generated-names.ts';
import type { Language, Speaker } from './language.ts';
import type { Peer, Pipe } from './peer.ts';

interface Client {
  speaker: Speaker;
  pipe: Pipe;
  unsent: Buffer[];
  reportedClosed: boolean;
}

export async function runTranscript(text: string, peer: Peer, language: Language): Promise<string> {
  return await new Transcript(peer, language).run(text);
}

class Transcript {
  readonly #peer: Peer;
  readonly #language: Language;
  readonly #clients = new Map<string, Client>();
  readonly #names: GeneratedNames;
  readonly #lines: string[] = [];

  constructor(peer: Peer, language: Language) {
    this.#peer = peer;
    this.#language = language;
    this.#names = new GeneratedNames(language.generated);
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
      await this.#settle();
      output.push(...this.#lines.splice(0));
    }
    for (const { pipe } of this.#clients.values()) pipe.cut();
    return `${output.join('\n')}\n`;
  }

  async #command(text: string, together: boolean): Promise<void> {
    const [first, second] = text.split(' ');
    if (first === 'advance') return await this.#peer.advance!(Number(second));
    if (first === 'crash' || first === 'stop') return await this.#peer.restart!(first);
    const [name] = /^[^ .]*/.exec(text)!;
    await this.#clientCommand(name, this.#names.real(text.slice(name.length + 1)));
    if (!together) this.#sendAll();
  }

  async #clientCommand(name: string, text: string): Promise<void> {
    const opened = this.#language.open(text);
    if (opened !== undefined) await this.#open(name, opened, / from=(\S+)/.exec(text)?.[1]);
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`there is no connection ${name}`);
    const { pipe, speaker, unsent } = client;
    if (text === 'cut') return pipe.cut();
    if (text === 'stall') return pipe.stall!();
    if (text === 'unstall') return pipe.unstall!();
    const bytes = await speaker.say(text, {
      name,
      lines: this.#lines,
      send: (all) => pipe.send(all),
      settle: () => this.#settle(),
    });
    if (bytes !== undefined) unsent.push(bytes);
  }

  async #open(name: string, speaker: Speaker, from: string | undefined): Promise<void> {
    // What has come to a client of the same name would be lost.
    this.#collect();
    const pipe = await this.#peer.connect(from);
    this.#clients.set(name, { speaker, pipe, unsent: [], reportedClosed: false });
  }

  #sendAll(): void {
    for (const { pipe, unsent } of this.#clients.values()) {
      if (unsent.length > 0) pipe.send(Buffer.concat(unsent.splice(0)));
    }
  }

  async #settle(): Promise<void> {
    await this.#peer.settle(() => this.#collect());
  }

  /** Writes down what has come. Returns whether there was anything. */
  #collect(): boolean {
    const before = this.#lines.length;
    for (const [name, client] of this.#clients) {
      const start = `< ${name}${this.#language.separator}`;
      for (const line of client.speaker.hear(client.pipe.receive())) {
        this.#lines.push(`${start}${this.#names.numbered(line)}`);
      }
      if (client.pipe.closed && !client.reportedClosed) {
        client.reportedClosed = true;
        this.#lines.push(`< ${name} closed`);
      }
    }
    return this.#lines.length > before;
  }
}
