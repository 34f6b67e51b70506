/** The options of topics by name; see `checkOptions`. */
import type { OptionNames } from '../lib/known-options.ts';
import { CONSUME_OPTIONS } from '../queue/option-names.ts';
import type { GroupOptions, PublishItem, SubscribeOptions, TopicOptions } from './topic.ts';

export const TOPIC_OPTIONS: OptionNames<TopicOptions> = {
  partitions: true,
  retention: true,
  live: true,
  declare: true,
  contract: true,
  interceptors: true,
  storedErrors: true,
  requires: true,
};

/** Of a publish, and of an item of a batch. */
export const PUBLISH_OPTIONS: OptionNames<PublishItem> = {
  data: true,
  id: true,
  key: true,
  type: true,
  headers: true,
  correlationId: true,
  timeout: true,
};

export const SUBSCRIBE_OPTIONS: OptionNames<SubscribeOptions> = {
  ...CONSUME_OPTIONS,
  from: true,
  filter: true,
  retry: true,
};

export const GROUP_OPTIONS: OptionNames<GroupOptions> = {
  from: true,
  retry: true,
  deadLetter: true,
};
