/** AlterConfigs: replaces all settings of a resource; those not named go back to their defaults. */
export const alterConfigs = {
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexible: 2,
  request: {
    resources: {
      $: 'array',
      resourceType: 'int8',
      resourceName: 'string',
      configs: {
        $: 'array',
        name: 'string',
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
