/** The two ways to read a topic, as the consumer sees them: everything for oneself, or a group's share with commits. */
import type { GroupSink, TopicSubscription } from '../driver/driver.ts';
import type { RetryPolicy } from '../queue/retry.ts';
import type { Committing } from './committing.ts';
import type { TopicMessage } from './topic-message.ts';
import type { TopicPlan } from './topic-plan.ts';

export interface Reading {
  /** With the group in its place, if there is one. */
  readonly plan: TopicPlan;
  readonly retry: RetryPolicy;
  readonly committing: Committing | undefined;
  readonly filter: ((message: TopicMessage) => boolean) | undefined;
  /** Declares what is needed, and begins to read. */
  open(sink: GroupSink): Promise<TopicSubscription>;
  /** A record that is given up: stored elsewhere when it resolves; `false`: it is skipped. */
  bury(message: TopicMessage, reason: unknown): Promise<boolean>;
}
