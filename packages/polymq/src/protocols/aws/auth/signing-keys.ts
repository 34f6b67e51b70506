/**
 * Keys that signatures are made with. One is derived from the secret for each day, region and service, by four HMACs, and kept for the
 * scopes in use.
 *
 * How long an answer takes does not tell whether an access key id exists: ids that do not have a key like all others, made from a secret
 * that nobody knows; and a scope is kept for all ids at once, and only after a signature in it was right, so that nobody fills the cache
 * or measures it from outside.
 */
import { createHmac } from 'node:crypto';
import type { CredentialScope } from './signed-request.ts';

export const SCOPES_MAX = 64;
const TERMINATOR = 'aws4_request';

/** No access key id is empty. */
const NOBODY = '';

export class SigningKeys {
  readonly #secrets: ReadonlyMap<string, string>;
  /** Scope → access key id → key; the oldest scope first. */
  readonly #kept = new Map<string, ReadonlyMap<string, Buffer>>();

  constructor(credentials: ReadonlyMap<string, string>) {
    this.#secrets = new Map([...credentials, [NOBODY, 'no secret of anybody']]);
  }

  knows(accessKeyId: string): boolean {
    return accessKeyId !== NOBODY && this.#secrets.has(accessKeyId);
  }

  keyFor(scope: CredentialScope): Buffer {
    const id = this.knows(scope.accessKeyId) ? scope.accessKeyId : NOBODY;
    return (
      this.#kept.get(nameOf(scope))?.get(id) ?? deriveSigningKey(this.#secrets.get(id)!, scope)
    );
  }

  get scopeCount(): number {
    return this.#kept.size;
  }

  /** A signature in this scope was right: others will follow. */
  keep(scope: CredentialScope): void {
    const name = nameOf(scope);
    if (this.#kept.has(name)) return;
    if (this.#kept.size === SCOPES_MAX) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(
      name,
      new Map(Array.from(this.#secrets, ([id, secret]) => [id, deriveSigningKey(secret, scope)])),
    );
  }
}

export function deriveSigningKey(
  secret: string,
  { date, region, service }: Omit<CredentialScope, 'accessKeyId'>,
): Buffer {
  const dateKey = hmac(`AWS4${secret}`, date);
  return hmac(hmac(hmac(dateKey, region), service), TERMINATOR);
}

export function hmac(key: Buffer | string, data: string): Buffer {
  return createHmac('sha256', key).update(data, 'utf8').digest();
}

function nameOf({ date, region, service }: CredentialScope): string {
  return `${date}/${region}/${service}`;
}
