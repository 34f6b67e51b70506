/**
 * Messages that show who sent them: Ed25519 signatures, as an interceptor.
 *
 * Signed is the canonical form (each with its length; `canonical-form.ts`) of: `polymq-sign-1`, key id, message id, type, key, content type,
 * timestamp, contract version, the chosen headers by name, and the body. The header `polymq-signature` has the key id, the signature
 * in base64 and the names of the signed headers.
 *
 * Threat model
 * 1. Shown: that a holder of the private key sent these bytes under this id, type, key and at this time.
 * 2. Found: any change of what is signed, by brokers, operators or other clients; such a message is a dead letter, not data.
 * 3. Not hidden: anything; use `encrypt` for that (given in the order `sign`, `encrypt`, the signature is over what is hidden).
 * 4. Not signed: the queue or topic, correlation id, reply address, other headers, priority. Dead letters can be moved.
 * 5. Not prevented: dropping, delaying, reordering and replaying; a replay has the same id (use `idempotent` or `inbox`).
 */
import {
  createPrivateKey,
  createPublicKey,
  KeyObject,
  sign as signBytes,
  verify as verifyBytes,
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

export interface SignOptions {
  /** The private key that signs, and its id: PEM or a `KeyObject`. Missing: this side only verifies, and sending fails. */
  key?: { readonly id: string; readonly key: SignatureKey };
  /** Whose messages are taken, by id: public keys, as PEM or `KeyObject`. That of `key` is always among them. */
  keys?: Readonly<Record<string, SignatureKey>>;
  /** Headers that are signed. A message in which one of them is not signed is refused. */
  headers?: readonly string[];
  /** Takes messages without a signature, too: while senders are changed one by one. Missing: `false`. */
  allowUnsigned?: boolean;
}

export type SignatureKey = string | KeyObject;

export interface Signing extends Interceptor {
  /** One more key whose messages are taken. Give it to all readers before the first sender uses it. */
  add(id: string, key: SignatureKey): void;
  /** Signs with that private key from now on. */
  use(id: string, key: SignatureKey): void;
  /** Messages that were signed with it become dead letters. */
  forget(id: string): void;
}

const SIGNATURE = 'polymq-signature';
const SIGNATURE_BYTES = 64;

/**
 * Signs what is sent and verifies what comes: `mq.use(sign({ key: { id: 'billing', key: privateKey }, keys: { 'shop': publicKey } }))`. A message
 * without a signature, by an unknown key, or changed, becomes a dead letter with the reason (`signature-invalid`).
 *
 * Rotation: `add` the new public key at all readers, `use` the new private key at the senders, `forget` the old one when its
 * messages are gone.
 *
 * Throws `invalid-argument` for keys that are not Ed25519.
 */
export function sign(options: SignOptions): Signing {
  return new Ed25519(options);
}

class Ed25519 implements Signing {
  readonly name = 'sign';
  readonly #keys = new KeyRing<KeyObject>();
  readonly #headers: readonly string[];
  readonly #allowUnsigned: boolean;
  #used: { readonly id: string; readonly key: KeyObject } | undefined;

  constructor({ key, keys = {}, headers, allowUnsigned = false }: SignOptions) {
    for (const [id, publicKey] of Object.entries(keys)) this.add(id, publicKey);
    if (key !== undefined) this.use(key.id, key.key);
    this.#headers = boundHeaders(headers, 'sign({ headers })');
    this.#allowUnsigned = allowUnsigned;
  }

  add(id: string, key: SignatureKey): void {
    this.#keys.add(id, ed25519Key(id, key, 'public'));
  }

  use(id: string, key: SignatureKey): void {
    const privateKey = ed25519Key(id, key, 'private');
    const publicKey = createPublicKey(privateKey);
    const known = this.#keys.get(id);
    if (known === undefined) this.#keys.add(id, publicKey);
    else if (!known.equals(publicKey)) {
      throw invalid(`the private key "${id}" does not belong to the public key of that id`);
    }
    this.#used = { id, key: privateKey };
  }

  forget(id: string): void {
    this.#keys.forget(id);
    if (this.#used?.id === id) this.#used = undefined;
  }

  outgoing(message: OutgoingMessage): OutgoingMessage {
    const used = this.#used;
    if (used === undefined) {
      throw invalid('sign has no key to send with; name one: sign({ key: { id, key } })');
    }
    const form = signedForm(message, used.id, this.#headers);
    const signature = signBytes(null, form, used.key).toString('base64');
    return withContent(message, {
      body: message.body,
      contentType: message.contentType,
      headers: {
        ...message.headers,
        [SIGNATURE]: encodeWords([used.id, signature, ...this.#headers]),
      },
    });
  }

  incoming<M extends WireMessage>(message: M): M {
    const header = message.headers[SIGNATURE];
    if (header === undefined) {
      if (this.#allowUnsigned) return message;
      throw failed(message, 'it has none; sign it, or allow it with { allowUnsigned: true }');
    }
    const [id, signature, ...names] = decodeWords(header) ?? [];
    const bytes = Buffer.from(signature ?? '', 'base64');
    if (id === undefined || bytes.length !== SIGNATURE_BYTES) {
      throw failed(message, `its header ${SIGNATURE} was changed`);
    }
    // Another text of the same bytes would be another header that passes.
    if (bytes.toString('base64') !== signature) {
      throw failed(message, `its header ${SIGNATURE} was changed`);
    }
    const key = this.#keys.get(id);
    if (key === undefined) {
      throw failed(message, `its key "${id}" is not among those here: ${this.#keys}`);
    }
    const unsigned = this.#headers.find((name) => !names.includes(name));
    if (unsigned !== undefined) {
      throw failed(message, `its header ${JSON.stringify(unsigned)} is not signed`);
    }
    if (!verifyBytes(null, signedForm(message, id, names), key, bytes)) {
      throw failed(message, 'the key is another one, or what was signed was changed');
    }
    const { body, contentType } = message;
    const headers = withoutHeaders(message.headers, (name) => name === SIGNATURE);
    return withContent(message, { body, contentType, headers });
  }
}

function signedForm(message: WireMessage, id: string, names: readonly string[]): Buffer {
  const { headers } = message;
  return canonicalForm([
    'polymq-sign-1',
    id,
    message.id,
    presentText(message.type),
    presentText(message.key),
    message.contentType,
    String(message.timestampMs),
    headers[HEADER.version],
    ...headerFields(headers, names),
    message.body,
  ]);
}

function ed25519Key(id: string, key: SignatureKey, type: 'public' | 'private'): KeyObject {
  const object = keyObject(id, key, type);
  if (object.asymmetricKeyType === 'ed25519' && object.type === type) return object;
  throw notEd25519(id, type);
}

function keyObject(id: string, key: SignatureKey, type: 'public' | 'private'): KeyObject {
  if (key instanceof KeyObject) return key;
  try {
    return type === 'private' ? createPrivateKey(key) : createPublicKey(key);
  } catch {
    // What it says may have the key in it.
    throw notEd25519(id, type);
  }
}

function notEd25519(id: string, type: string): PolymqError {
  return invalid(
    `key "${id}" of sign is no ${type} key of Ed25519; make a pair: crypto.generateKeyPairSync('ed25519')`,
  );
}

function failed(message: WireMessage, why: string): PolymqError {
  const text = `signature invalid: message ${message.id} is not to be trusted: ${why}`;
  return new PolymqError('signature-invalid', text);
}
