/**
 * DescribeConfigs: settings of topics (2), brokers (4) and groups (32). v3 types and documentation
 * (KIP-569).
 */
export const describeConfigs = {
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexible: 4,
  request: {
    resources: {
      $: 'array',
      resourceType: 'int8',
      resourceName: 'string',
      configurationKeys: 'string[]?',
    },
    includeSynonyms: 'boolean = false',
    includeDocumentation: 'boolean 3+ = false',
  },
  response: {
    throttleTimeMs: 'int32',
    results: {
      $: 'array',
      errorCode: 'int16',
      errorMessage: 'string?',
      resourceType: 'int8',
      resourceName: 'string',
      configs: {
        $: 'array',
        name: 'string',
        value: 'string?',
        readOnly: 'boolean',
        configSource: 'int8 = -1',
        isSensitive: 'boolean',
        synonyms: {
          $: 'array',
          name: 'string',
          value: 'string?',
          source: 'int8',
        },
        configType: 'int8 3+ = 0',
        documentation: 'string? 3+',
      },
    },
  },
} as const;
