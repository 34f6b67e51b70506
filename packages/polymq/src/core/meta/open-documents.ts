/**
 * Documents as a table of the meta log. Limits are checked before anything is proposed, and count what is on its way as if
 * it were there already: many puts at once cannot go beyond them together. The log keeps the order of puts of a key.
 */
import { BrokerError } from '../errors.ts';
import type { DeclaredValues } from '../queue/queue-definition.ts';
import { type DocumentCommand, DocumentTable, documentBytes } from './document-table.ts';
import type { Documents } from './documents.ts';
import type { MetaJournal, MetaWriter } from './meta-journal.ts';

export interface DocumentLimits {
  documentsMax: number;
  /** Of one document with its key, as JSON. */
  documentBytesMax: number;
  /** Of all of them. */
  bytesMax: number;
}

export const DOCUMENT_LIMITS: Readonly<DocumentLimits> = Object.freeze({
  documentsMax: 200_000,
  documentBytesMax: 256 * 1024,
  bytesMax: 256 * 1024 * 1024,
});

const KEY_BYTES_MAX = 1024;

export function openDocuments(meta: MetaJournal, limits?: Partial<DocumentLimits>): Documents {
  const table = new DocumentTable();
  return new JournaledDocuments(table, meta.register(table), { ...DOCUMENT_LIMITS, ...limits });
}

class JournaledDocuments implements Documents {
  readonly #table: DocumentTable;
  readonly #writer: MetaWriter<DocumentCommand>;
  readonly #limits: DocumentLimits;
  /** Proposed and not applied yet. */
  #comingCount = 0;
  #comingBytes = 0;

  constructor(table: DocumentTable, writer: MetaWriter<DocumentCommand>, limits: DocumentLimits) {
    this.#table = table;
    this.#writer = writer;
    this.#limits = limits;
  }

  get(key: string): DeclaredValues | undefined {
    return this.#table.get(key);
  }

  list(prefix: string): readonly (readonly [key: string, document: DeclaredValues])[] {
    return this.#table.list(prefix);
  }

  async put(key: string, document: DeclaredValues): Promise<void> {
    const json = JSON.stringify(document);
    const bytes = documentBytes(key, json);
    this.#check(key, bytes);
    // What is replaced makes room only once it is replaced, since another put of the key may be on its way.
    const addedBytes = Math.max(0, bytes - this.#table.bytesOf(key));
    const addedCount = this.#table.get(key) === undefined ? 1 : 0;
    this.#checkAll(addedCount, addedBytes);
    this.#comingCount += addedCount;
    this.#comingBytes += addedBytes;
    try {
      // A copy: what its owner does with the object later must not change what was put.
      await this.#writer.propose({ key, document: JSON.parse(json) as DeclaredValues });
    } finally {
      this.#comingCount -= addedCount;
      this.#comingBytes -= addedBytes;
    }
  }

  async delete(key: string): Promise<void> {
    // Also while it is not there: a put of it may be on its way.
    if (this.#table.get(key) === undefined && this.#comingCount === 0) return;
    await this.#writer.propose({ key });
  }

  #check(key: string, bytes: number): void {
    const keyBytes = Buffer.byteLength(key);
    if (keyBytes === 0 || keyBytes > KEY_BYTES_MAX) {
      throw new BrokerError(
        'limit-reached',
        `the key of a document has ${keyBytes} bytes; from 1 to ${KEY_BYTES_MAX} are allowed`,
      );
    }
    const { documentBytesMax } = this.#limits;
    if (bytes <= documentBytesMax) return;
    throw new BrokerError(
      'limit-reached',
      `the document "${key}" would have ${bytes} bytes; ${documentBytesMax} are allowed`,
    );
  }

  #checkAll(addedCount: number, addedBytes: number): void {
    const { documentsMax, bytesMax } = this.#limits;
    if (addedCount > 0 && this.#table.count + this.#comingCount + addedCount > documentsMax) {
      throw new BrokerError(
        'limit-reached',
        `there are ${documentsMax} documents (subscriptions, topics and the like) already; delete some first`,
      );
    }
    if (addedBytes === 0 || this.#table.bytes + this.#comingBytes + addedBytes <= bytesMax) return;
    throw new BrokerError(
      'limit-reached',
      `all documents (subscriptions, topics and the like) together may have ${bytesMax} bytes; delete some first`,
    );
  }
}
