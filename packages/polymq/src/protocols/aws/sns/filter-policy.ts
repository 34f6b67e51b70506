/** Filter policies as attributes of subscriptions: what the core takes, in the words of SNS. */
import { compileFilterPolicy } from '../../../core/filter/filter.ts';
import { FilterPolicyError } from '../../../core/filter/filter-policy-error.ts';
import { invalidParameter } from './errors.ts';

export type FilterScope = 'MessageAttributes' | 'MessageBody';

/** Throws what Subscribe answers to a policy that is none. */
export function checkFilterPolicy(text: string, scope: FilterScope): void {
  try {
    compileFilterPolicy(text, scope === 'MessageBody' ? 'body' : 'attributes');
  } catch (error: unknown) {
    if (error instanceof FilterPolicyError) throw invalidParameter(error.message);
    throw error;
  }
}
