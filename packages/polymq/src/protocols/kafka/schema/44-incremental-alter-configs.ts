/**
 * IncrementalAlterConfigs: sets (0), deletes (1), appends to (2) and takes from (3) single settings
 * (KIP-339).
 */
export const incrementalAlterConfigs = {
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexible: 1,
  request: {
    resources: {
      $: 'array',
      resourceType: 'int8',
      resourceName: 'string',
      configs: {
        $: 'array',
        name: 'string',
        configOperation: 'int8',
        value: 'string?',
      },
    },
    validateOnly: 'boolean',
  },
  response: {
    throttleTimeMs: 'int32',
    responses: {
      $: 'array',
      errorCode: 'int16',
      errorMessage: 'string?',
      resourceType: 'int8',
      resourceName: 'string',
    },
  },
} as const;
