/**
 * The documents that the meta log knows, by key and in the order of keys. What they weigh is the length of key and JSON,
 * so that limits need not look at them again.
 */
import type { DeclaredValues } from '../queue/queue-definition.ts';
import type { MetaTable } from './meta-journal.ts';

export interface DocumentCommand {
  key: string;
  /** Missing: it is deleted. */
  document?: DeclaredValues;
}

export type SavedDocuments = [key: string, document: DeclaredValues][];

interface Kept {
  document: DeclaredValues;
  bytes: number;
}

export class DocumentTable implements MetaTable<DocumentCommand, SavedDocuments> {
  readonly name = 'documents';
  /** Of all documents. */
  bytes = 0;
  readonly #documents = new Map<string, Kept>();
  /** In order. Moving 200,000 references for a new one takes less than sorting them for a list. */
  readonly #keys: string[] = [];

  get count(): number {
    return this.#keys.length;
  }

  get(key: string): DeclaredValues | undefined {
    return this.#documents.get(key)?.document;
  }

  /** 0 if it is not there. */
  bytesOf(key: string): number {
    return this.#documents.get(key)?.bytes ?? 0;
  }

  list(prefix: string): [key: string, document: DeclaredValues][] {
    const found: [string, DeclaredValues][] = [];
    for (let at = this.#placeOf(prefix); at < this.#keys.length; at++) {
      const key = this.#keys[at]!;
      if (!key.startsWith(prefix)) break;
      found.push([key, this.#documents.get(key)!.document]);
    }
    return found;
  }

  apply({ key, document }: DocumentCommand): void {
    const known = this.#documents.get(key);
    if (known !== undefined) this.bytes -= known.bytes;
    if (document === undefined) {
      if (known !== undefined) this.#keys.splice(this.#placeOf(key), 1);
      this.#documents.delete(key);
      return;
    }
    if (known === undefined) this.#keys.splice(this.#placeOf(key), 0, key);
    this.#keep(key, document);
  }

  save(): SavedDocuments {
    return this.list('');
  }

  load(state: SavedDocuments): void {
    for (const [key, document] of state) {
      this.#keys.push(key);
      this.#keep(key, document);
    }
  }

  #keep(key: string, document: DeclaredValues): void {
    const bytes = documentBytes(key, JSON.stringify(document));
    this.#documents.set(key, { document, bytes });
    this.bytes += bytes;
  }

  /** The place of the first key that is not before this one. */
  #placeOf(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function documentBytes(key: string, json: string): number {
  return Buffer.byteLength(key) + Buffer.byteLength(json);
}
