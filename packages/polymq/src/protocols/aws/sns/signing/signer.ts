/**
 * Signs notifications. The key pair and its certificate are made once and stored (document `aws/signing`), so that what was signed
 * before a restart verifies after it. Signatures take a millisecond each in a thread of the runtime's pool; those of the newest
 * messages are remembered, so a message is signed once for all its subscriptions and deliveries.
 */
import {
  createHash,
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { Documents } from '../../../../core/meta/documents.ts';
import type { Environment } from '../../../../lib/environment/environment.ts';
import { pemOf, selfSignedCertificate } from './certificate.ts';

/** The version that a topic's attribute `SignatureVersion` asks for: 1 is SHA-1, 2 is SHA-256. */
export type SignatureVersion = '1' | '2';

export interface SnsSigner {
  /** The path that the certificate is served at: `/SimpleNotificationService-<fingerprint>.pem`. */
  readonly certificatePath: string;
  readonly certificatePem: string;
  /**
   * The signature, base64. Computed off the event loop, and remembered by `cacheKey` (a message id, say), which must be
   * another one for another text or version.
   */
  sign(text: string, version: SignatureVersion, cacheKey: string): Promise<string>;
}

interface Stored {
  privateKey: string;
  certificate: string;
}

const DOCUMENT = 'aws/signing';
const KEY_BITS = 2_048;
const SERIAL_BYTES = 16;
const DAY_MS: number = 24 * 60 * 60 * 1_000;
const VALID_MS: number = 30 * 365 * DAY_MS;
const COMMON_NAME = 'sns.polymq';
const FINGERPRINT_DIGITS = 32;
const SIGNATURES_MAX = 10_000;
const DIGESTS: Readonly<Record<SignatureVersion, string>> = { 1: 'sha1', 2: 'sha256' };

export async function openSigner(
  documents: Documents,
  environment: Pick<Environment, 'clock' | 'random'>,
): Promise<SnsSigner> {
  const known = documents.get(DOCUMENT) as Stored | undefined;
  if (known !== undefined) return new RsaSigner(known);
  const made = await makeKeys(environment);
  await documents.put(DOCUMENT, { ...made });
  return new RsaSigner(made);
}

async function makeKeys({ clock, random }: Pick<Environment, 'clock' | 'random'>): Promise<Stored> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: KEY_BITS,
  });
  const nowMs = clock.nowMs();
  const certificate = selfSignedCertificate({
    privateKey,
    publicKey,
    commonName: COMMON_NAME,
    serial: random.bytes(SERIAL_BYTES),
    // Clocks of verifiers may be behind.
    notBeforeMs: nowMs - DAY_MS,
    notAfterMs: nowMs + VALID_MS,
  });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { privateKey: pem.toString(), certificate: pemOf(certificate) };
}

class RsaSigner implements SnsSigner {
  readonly certificatePath: string;
  readonly certificatePem: string;
  readonly #key: KeyObject;
  /** The oldest first. */
  readonly #signatures = new Map<string, Promise<string>>();

  constructor({ privateKey, certificate }: Stored) {
    this.#key = createPrivateKey(privateKey);
    this.certificatePem = certificate;
    const { raw } = new X509Certificate(certificate);
    const fingerprint = createHash('sha256').update(raw).digest('hex');
    this.certificatePath = `/SimpleNotificationService-${fingerprint.slice(0, FINGERPRINT_DIGITS)}.pem`;
  }

  sign(text: string, version: SignatureVersion, cacheKey: string): Promise<string> {
    const known = this.#signatures.get(cacheKey);
    if (known !== undefined) {
      this.#signatures.delete(cacheKey);
      this.#signatures.set(cacheKey, known);
      return known;
    }
    const signature = this.#compute(text, version);
    this.#signatures.set(cacheKey, signature);
    if (this.#signatures.size > SIGNATURES_MAX) {
      const [oldest] = this.#signatures.keys();
      this.#signatures.delete(oldest!);
    }
    signature.catch(() => this.#signatures.delete(cacheKey));
    return signature;
  }

  #compute(text: string, version: SignatureVersion): Promise<string> {
    return new Promise((resolve, reject) => {
      sign(DIGESTS[version], Buffer.from(text, 'utf8'), this.#key, (error, signature) => {
        if (error) reject(error);
        else resolve(signature.toString('base64'));
      });
    });
  }
}
