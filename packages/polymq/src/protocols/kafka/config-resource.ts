/** Kinds of resources that have settings, as Kafka numbers them. */
export const CONFIG_RESOURCE = {
  topic: 2,
  broker: 4,
} as const;
