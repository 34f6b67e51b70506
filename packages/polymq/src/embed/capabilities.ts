import type { Capabilities } from '@polymq/client/driver';

const NATIVE = 'native';

export const EMBEDDED_CAPABILITIES: Capabilities = {
  queue: NATIVE,
  delay: NATIVE,
  priority: NATIVE,
  fifo: NATIVE,
  dedupe: NATIVE,
  ttl: NATIVE,
  limit: NATIVE,
  'drop-lowest-priority': NATIVE,
  peek: NATIVE,
  topic: NATIVE,
  live: NATIVE,
  group: NATIVE,
  replay: NATIVE,
  fanout: NATIVE,
  'request-reply': NATIVE,
  'event-log': NATIVE,
  transaction: false,
  'manual-clock': false,
};
