/** The signature that a request must have: over its canonical form, the time and the scope. */
import type { HttpRequest } from '../../../net/http/http-exchange.ts';
import { canonicalRequest, sha256 } from './canonical-request.ts';
import { ALGORITHM, type SignedRequest } from './signed-request.ts';
import { hmac } from './signing-keys.ts';

export function signatureOf(request: HttpRequest, signed: SignedRequest, key: Buffer): Buffer {
  const { date, region, service } = signed.scope;
  const text = [
    ALGORITHM,
    signed.date,
    `${date}/${region}/${service}/aws4_request`,
    sha256(canonicalRequest(request, signed)),
  ];
  return hmac(key, text.join('\n'));
}
