/**
 * Small durable JSON documents that protocols keep beside the nouns of the core, such as the attributes of a subscription. Keys
 * are paths whose first part is the protocol's: `aws/subscription/<id>`.
 */
import type { DeclaredValues } from '../queue/queue-definition.ts';

export interface Documents {
  /** The document as it was put; do not change it. */
  get(key: string): DeclaredValues | undefined;
  /** Keys and documents whose key starts with `prefix`, in the order of keys. */
  list(prefix: string): readonly (readonly [key: string, document: DeclaredValues])[];
  /**
   * Durable, and seen by `get`, when the promise resolves. Rejects with `limit-reached` if there are too many or it is too large,
   * or with a storage error.
   */
  put(key: string, document: DeclaredValues): Promise<void>;
  /** Durable when the promise resolves. Deleting what is not there does nothing. */
  delete(key: string): Promise<void>;
}
