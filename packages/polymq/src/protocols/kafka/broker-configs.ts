import { CONFIG_SOURCE, CONFIG_TYPE, type DescribedConfig } from './describe-topic-configs.ts';

/**
 * The broker's settings by Kafka's names, as DescribeConfigs shows them. They are read-only here: they come
 * from flags, environment and file, so that a restart does not change them behind anybody's back.
 */
export function describeBrokerConfigs(
  settings: ReadonlyMap<string, string>,
  names: readonly string[] | null,
): DescribedConfig[] {
  return [...settings]
    .filter(([name]) => names === null || names.includes(name))
    .map(([name, value]) => ({
      name,
      value,
      readOnly: true,
      configSource: CONFIG_SOURCE.staticBroker,
      isSensitive: false,
      synonyms: [{ name, value, source: CONFIG_SOURCE.staticBroker }],
      configType: CONFIG_TYPE.string,
      documentation: '',
    }));
}
