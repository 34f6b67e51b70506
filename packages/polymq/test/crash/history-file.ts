import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

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

/** The lines of a history that an earlier run has left. */
export function readHistoryFile(path: string): object[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as object);
}
