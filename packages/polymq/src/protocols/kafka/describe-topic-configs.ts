import type { Stream } from '../../core/stream/streams.ts';
import { type ConfigType, effectiveValue, TOPIC_CONFIGS } from './topic-configs.ts';

/** Where a value comes from, as DescribeConfigs numbers it (KIP-226). */
export const CONFIG_SOURCE = {
  topic: 1,
  dynamicBroker: 3,
  staticBroker: 4,
  default: 5,
} as const;

/** Types as DescribeConfigs numbers them (KIP-569). */
export const CONFIG_TYPE: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
};

export interface DescribedConfig {
  name: string;
  value: string;
  readOnly: boolean;
  configSource: number;
  isSensitive: boolean;
  synonyms: { name: string; value: string; source: number }[];
  configType: number;
  documentation: string;
}

/** The effective settings of a topic by Kafka's names: all of them, or those named. */
export function describeTopicConfigs(
  stream: Stream,
  names: readonly string[] | null,
): DescribedConfig[] {
  return TOPIC_CONFIGS.filter((row) => names === null || names.includes(row.name)).map((row) => {
    const overridden = row.kind === 'mapped' && stream.overrides.has(row.core);
    const value = effectiveValue(row, stream.config);
    const configSource = overridden ? CONFIG_SOURCE.topic : CONFIG_SOURCE.default;
    return {
      name: row.name,
      value,
      readOnly: false,
      configSource,
      isSensitive: false,
      synonyms: [{ name: row.name, value, source: configSource }],
      configType: CONFIG_TYPE[row.type],
      documentation: row.doc,
    };
  });
}
