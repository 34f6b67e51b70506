/** Posts through the environment's outbound client, and says of what goes wrong whether it may pass. */
import { type AddressRules, parseAddressRules } from '../../../../lib/environment/address-rules.ts';
import {
  type Outbound,
  type OutboundAnswer,
  OutboundError,
  type OutboundErrorCode,
} from '../../../../lib/environment/outbound.ts';
import type { Failure } from './delivery.ts';
import type { Post, PostAnswer } from './post.ts';

const ANY_ADDRESS: AddressRules = { allows: () => true };

/** What another attempt cannot change. */
const PERMANENT: ReadonlySet<OutboundErrorCode> = new Set([
  'bad-url',
  'bad-request',
  'refused-address',
]);

/** `signal` ends what is under way. */
export function outboundPost(
  outbound: Outbound,
  privateTargets: readonly string[],
  signal: AbortSignal,
): Post {
  const allowed = parseAddressRules(privateTargets);
  return async ({ url, headers, body, trusted, timeoutMs }) => {
    try {
      const answer = await outbound.request({
        url,
        method: 'POST',
        headers: Object.entries(headers),
        body,
        allow: trusted ? ANY_ADDRESS : allowed,
        ...(timeoutMs !== undefined && { timeoutMs }),
        signal,
      });
      return postAnswer(answer);
    } catch (error) {
      if (error instanceof OutboundError) return failedPost(error);
      throw error;
    }
  };
}

function postAnswer({ status, headers, body }: OutboundAnswer): PostAnswer {
  return { status, header: (name) => headers.get(name), body: body.toString('utf8') };
}

function failedPost({ code, message, status }: OutboundError): PostAnswer | Failure {
  // Its status says all; nobody reads what else it had to say.
  if (code === 'response-too-large' && status !== undefined) {
    return { status, header: () => undefined, body: '' };
  }
  const hint = code === 'refused-address' ? '; the operator can allow it (sns.privateTargets)' : '';
  return { retry: !PERMANENT.has(code), code, message: message + hint };
}
