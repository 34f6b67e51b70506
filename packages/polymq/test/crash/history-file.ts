import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

const BUFFER_CHARACTERS = 64 * 1024;

/** The harness's own record of a run: one JSON object a line, synced once per cycle. */
export class HistoryFile {
  readonly path: string;
  readonly #file: number;
  #pending: string[] = [];
  #length = 0;

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, 'w', 0o600);
  }

  write(line: object): void {
    const text = JSON.stringify(line);
    this.#pending.push(text);
    this.#length += text.length;
    if (this.#length > BUFFER_CHARACTERS) this.#flush();
  }

  sync(): void {
    this.#flush();
    fsyncSync(this.#file);
  }

  close(): void {
    this.sync();
    closeSync(this.#file);
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    writeSync(this.#file, `${this.#pending.join('\n')}\n`);
    this.#pending = [];
    this.#length = 0;
  }
}
