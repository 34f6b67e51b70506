/** Why a filter policy is refused, in the words of AWS: what stands behind `Invalid parameter: ` there. */
export class FilterPolicyError extends Error {
  override readonly name = 'FilterPolicyError';

  constructor(reason: string, subject = 'FilterPolicy: ') {
    super(subject + reason);
  }
}
