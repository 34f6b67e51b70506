import { BROKER_ERRORS, BrokerError } from '../errors.ts';
import type { GroupErrorCode, MemberIdRequired } from './groups.ts';

/** What a group answers when it refuses. */
export function groupError(code: GroupErrorCode, groupId: string): BrokerError {
  return new BrokerError(code, `group "${groupId}": ${BROKER_ERRORS[code].doc}`);
}

/** The member was given an id and must join again with it (KIP-394). */
export class MemberIdRequiredError extends BrokerError implements MemberIdRequired {
  readonly memberId: string;

  constructor(groupId: string, memberId: string) {
    super('member-id-required', `group "${groupId}": join again as member "${memberId}"`);
    this.name = 'MemberIdRequiredError';
    this.memberId = memberId;
  }
}
