/**
 * Bodies that only the holders of a key can read: AES-256-GCM, as an interceptor.
 *
 * What the engine stores instead of the body, with the content type `application/octet-stream`:
 *
 *   version u8 (1) | nonce 12 | ciphertext of ( contentType length u16 | contentType | body ) | tag 16
 *
 * The header `polymq-encrypted` has the key's id, then the names of the headers that are bound. Bound (changed, and decryption
 * fails) are key id, type, key, contract version and those headers; they stay readable.
 *
 * Threat model
 * 1. Hidden from the broker, its disks, backups and operators: the data and its content type.
 * 2. Not hidden: queue or topic, id, key, type, headers, times, size, and who talks to whom.
 *    Errors of handlers, whose texts may show data, are kept in headers: by name and code only, unless `storedErrors: 'full'` is said.
 *    Not hidden either: texts given to `nack` and `reject`, replies of services and what is sent by other queues.
 * 3. A change of anything bound is found; so is a body under another type or key. It is a dead letter, not data.
 * 4. Not prevented: dropping, delaying, reordering, replaying messages; whoever has the key can write (use `sign` for who).
 * 5. Old messages are as safe as their key is: rotate it, and forget keys when no message needs them any more.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  KeyObject,
  randomBytes,
} from 'node:crypto';
import { PolymqError } from '../../errors.ts';
import { HEADER, withoutHeaders } from '../../message/headers.ts';
import type { Interceptor } from '../../message/interceptor.ts';
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import {
  boundHeaders,
  canonicalForm,
  decodeWords,
  encodeWords,
  headerFields,
  presentText,
  withContent,
} from './canonical-form.ts';
import { invalid, KeyRing } from './key-ring.ts';

export interface EncryptOptions {
  /** By id: 32 random bytes each, as bytes, as base64 or as a `KeyObject`. All of them decrypt. */
  keys: Readonly<Record<string, EncryptionKey>>;
  /** The id of the key that encrypts. Missing: this side only decrypts, and sending fails. */
  use?: string;
  /** Headers that are bound to the body, beside what is bound always. They stay readable. */
  headers?: readonly string[];
  /** Takes messages that are not encrypted, too: while senders are changed one by one. Missing: `false`. */
  allowPlain?: boolean;
}

export type EncryptionKey = Uint8Array | string | KeyObject;

export interface Encryption extends Interceptor {
  /** One more key that decrypts. Give it to all readers before the first sender uses it. */
  add(id: string, key: EncryptionKey): void;
  /** Encrypts with that key from now on. */
  use(id: string): void;
  /** Messages that were encrypted with it become dead letters. */
  forget(id: string): void;
}

const ENCRYPTED = 'polymq-encrypted';
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES + 2;
/** Random nonces of 96 bits may repeat with a chance of 2^-32 beyond that many (NIST SP 800-38D, 8.3). */
const MESSAGES_PER_KEY_MAX = 2 ** 32;
/** Nonces that are drawn from the system at once. */
const NONCES = 256;

/**
 * Encrypts what is sent and decrypts what comes: `mq.use(encrypt({ keys: { 'k1': key }, use: 'k1' }))`, or for one queue by its option
 * `interceptors`. What cannot be decrypted becomes a dead letter with the reason (`decryption-failed`), still encrypted.
 *
 * Rotation: `add` the new key at all readers, `use` it at the senders, `forget` the old one when its messages are gone. One process encrypts at
 * most 2^32 messages with one key, then sending fails with `invalid-argument`; with several processes divide that among them.
 *
 * Throws `invalid-argument` for keys that are not 32 bytes.
 */
export function encrypt(options: EncryptOptions): Encryption {
  return new AesGcm(options);
}

class AesGcm implements Encryption {
  readonly name = 'encrypt';
  readonly hidesData = true;
  readonly #keys = new KeyRing<AesKey>();
  readonly #headers: readonly string[];
  readonly #allowPlain: boolean;
  readonly #nonces = new Nonces();
  #used: { readonly id: string; readonly key: AesKey; readonly header: string } | undefined;

  constructor({ keys, use, headers, allowPlain = false }: EncryptOptions) {
    for (const [id, key] of Object.entries(keys)) this.add(id, key);
    this.#headers = boundHeaders(headers, 'encrypt({ headers })');
    this.#allowPlain = allowPlain;
    if (use !== undefined) this.use(use);
  }

  add(id: string, key: EncryptionKey): void {
    this.#keys.add(id, { secret: aesKey(id, key), messages: 0 });
  }

  use(id: string): void {
    const key = this.#keys.get(id);
    if (key === undefined) {
      throw invalid(
        `encrypt is to use the key "${id}", which is not among its keys: ${this.#keys}`,
      );
    }
    this.#used = { id, key, header: encodeWords([id, ...this.#headers]) };
  }

  forget(id: string): void {
    this.#keys.forget(id);
    if (this.#used?.id === id) this.#used = undefined;
  }

  outgoing(message: OutgoingMessage): OutgoingMessage {
    const used = this.#used;
    if (used === undefined) {
      throw invalid('encrypt has no key to send with; name one: encrypt({ keys, use })');
    }
    countUse(used.id, used.key);
    const contentType = Buffer.from(message.contentType);
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16BE(contentType.length);
    const nonce = this.#nonces.next();
    const cipher = createCipheriv('aes-256-gcm', used.key.secret, nonce);
    cipher.setAAD(boundForm(message, used.id, this.#headers));
    const body = Buffer.concat([
      Buffer.of(VERSION),
      nonce,
      cipher.update(Buffer.concat([length, contentType])),
      cipher.update(message.body),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return withContent(message, {
      body,
      contentType: 'application/octet-stream',
      headers: { ...message.headers, [ENCRYPTED]: used.header },
    });
  }

  incoming<M extends WireMessage>(message: M): M {
    const header = message.headers[ENCRYPTED];
    if (header === undefined) {
      if (this.#allowPlain) return message;
      throw failed(
        message,
        'it is not encrypted; encrypt it, or allow it with { allowPlain: true }',
      );
    }
    const [id, ...names] = decodeWords(header) ?? [];
    if (id === undefined) throw failed(message, `its header ${ENCRYPTED} was changed`);
    const key = this.#keys.get(id);
    if (key === undefined) {
      throw failed(message, `its key "${id}" is not among those here: ${this.#keys}`);
    }
    const plain = decrypted(message, key.secret, boundForm(message, id, names));
    const bodyStart = plain.length < 2 ? 2 : 2 + plain.readUInt16BE(0);
    if (bodyStart > plain.length) throw failed(message, 'it was not encrypted by this SDK');
    return withContent(message, {
      body: plain.subarray(bodyStart),
      contentType: plain.toString('utf8', 2, bodyStart),
      headers: withoutHeaders(message.headers, (name) => name === ENCRYPTED),
    });
  }
}

/** What is readable and must not be changed. */
function boundForm(message: WireMessage, id: string, names: readonly string[]): Buffer {
  const { type, key, headers } = message;
  const version = headers[HEADER.version];
  return canonicalForm([
    'polymq-encrypt-1',
    id,
    presentText(type),
    presentText(key),
    version,
    ...headerFields(headers, names),
  ]);
}

function decrypted(message: WireMessage, key: KeyObject, bound: Buffer): Buffer {
  const { buffer, byteOffset, byteLength } = message.body;
  const sealed = Buffer.from(buffer, byteOffset, byteLength);
  if (sealed.length < OVERHEAD_BYTES || sealed[0] !== VERSION) {
    throw failed(message, 'its body is not of the form that this version knows');
  }
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const tagStart = sealed.length - TAG_BYTES;
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, options);
  decipher.setAAD(bound);
  decipher.setAuthTag(sealed.subarray(tagStart));
  const plain = decipher.update(sealed.subarray(1 + NONCE_BYTES, tagStart));
  try {
    decipher.final();
  } catch (cause) {
    const why = 'the key is another one, or the body, type, key or a bound header was changed';
    throw failed(message, why, cause);
  }
  return plain;
}

interface AesKey {
  readonly secret: KeyObject;
  /** Encrypted with it here. */
  messages: number;
}

function countUse(id: string, key: AesKey): void {
  if (key.messages >= MESSAGES_PER_KEY_MAX) {
    throw invalid(
      `key "${id}" has encrypted ${MESSAGES_PER_KEY_MAX} messages here, and more would be unsafe; add a new key and use it`,
    );
  }
  key.messages += 1;
}

/** Random ones. */
class Nonces {
  #pool = Buffer.alloc(0);

  next(): Buffer {
    if (this.#pool.length === 0) this.#pool = randomBytes(NONCES * NONCE_BYTES);
    const nonce = this.#pool.subarray(0, NONCE_BYTES);
    this.#pool = this.#pool.subarray(NONCE_BYTES);
    return nonce;
  }
}

const KEY_BYTES = 32;

function aesKey(id: string, key: EncryptionKey): KeyObject {
  const object =
    key instanceof KeyObject
      ? key
      : createSecretKey(typeof key === 'string' ? Buffer.from(key, 'base64') : key);
  if (object.type === 'secret' && object.symmetricKeySize === KEY_BYTES) return object;
  throw invalid(
    `key "${id}" of encrypt is no secret of ${KEY_BYTES} bytes; make one: crypto.randomBytes(32), or openssl rand -base64 32`,
  );
}

function failed(message: WireMessage, why: string, cause?: unknown): PolymqError {
  const text = `decryption failed: message ${message.id} cannot be read: ${why}`;
  return new PolymqError('decryption-failed', text, { cause });
}
