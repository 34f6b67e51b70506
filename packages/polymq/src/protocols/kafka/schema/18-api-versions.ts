/**
 * ApiVersions: which requests the broker reads. A version that it does not know is answered in the
 * form of v0. v3 software name and features (KIP-511, KIP-584) · v4 features may start at version 0.
 */
export const apiVersions = {
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexible: 3,
  request: {
    clientSoftwareName: 'string 3+',
    clientSoftwareVersion: 'string 3+',
  },
  response: {
    errorCode: 'int16',
    apiKeys: {
      $: 'array',
      apiKey: 'int16',
      minVersion: 'int16',
      maxVersion: 'int16',
    },
    throttleTimeMs: 'int32 1+',
    supportedFeatures: {
      $: 'array 3+ tag 0',
      name: 'string',
      minVersion: 'int16',
      maxVersion: 'int16',
    },
    finalizedFeaturesEpoch: 'int64 3+ tag 1 = -1',
    finalizedFeatures: {
      $: 'array 3+ tag 2',
      name: 'string',
      maxVersionLevel: 'int16',
      minVersionLevel: 'int16',
    },
    zkMigrationReady: 'boolean 3+ tag 3 = false',
  },
} as const;
