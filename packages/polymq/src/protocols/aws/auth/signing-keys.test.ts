import { describe, expect, it } from 'vitest';
import { deriveSigningKey, SCOPES_MAX, SigningKeys } from './signing-keys.ts';

const SECRETS = new Map([
  ['first', 'secret 1'],
  ['second', 'secret 2'],
]);

function scope(accessKeyId: string, region = 'us-east-1') {
  return { accessKeyId, date: '20260102', region, service: 'sqs' };
}

describe('signing keys', () => {
  it('are the same whether kept or not', () => {
    const keys = new SigningKeys(SECRETS);
    for (const round of ['derived', 'kept']) {
      for (const [id, secret] of SECRETS) {
        expect(keys.keyFor(scope(id)), round).toEqual(deriveSigningKey(secret, scope(id)));
      }
      keys.keep(scope('first'));
    }
  });

  it('are kept for all key ids at once, so that none stands out', () => {
    const keys = new SigningKeys(SECRETS);
    keys.keep(scope('first'));
    for (const id of ['first', 'second', 'unknown']) {
      expect(keys.keyFor(scope(id))).toBe(keys.keyFor(scope(id)));
    }
    expect(keys.knows('unknown')).toBe(false);
    expect(keys.knows('')).toBe(false);
  });

  it('are kept for the last scopes only', () => {
    const keys = new SigningKeys(SECRETS);
    for (let index = 0; index < SCOPES_MAX + 10; index += 1)
      keys.keep(scope('first', `r-${index}`));
    expect(keys.scopeCount).toBe(SCOPES_MAX);
    expect(keys.keyFor(scope('first', 'r-0'))).not.toBe(keys.keyFor(scope('first', 'r-0')));
    const last = scope('first', `r-${SCOPES_MAX + 9}`);
    expect(keys.keyFor(last)).toBe(keys.keyFor(last));
  });
});
