import { BrokerError } from '../../../core/errors.ts';
import { describeBrokerConfigs } from '../broker-configs.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { CONFIG_RESOURCE, checkBrokerName } from '../config-resource.ts';
import { type DescribedConfig, describeTopicConfigs } from '../describe-topic-configs.ts';
import { failureOf, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { topicOf } from '../lookup.ts';
import { describeConfigs } from '../schema/32-describe-configs.ts';

type Request = RequestOf<typeof describeConfigs>;
type Resource = Request['resources'][number];
type Result = ResponseOf<typeof describeConfigs>['results'][number];

export const describeConfigsHandler: Handler<typeof describeConfigs> = handler(
  describeConfigs,
  (request, context) => ({
    throttleTimeMs: 0,
    results: request.resources.map((resource) => describe(resource, request, context)),
  }),
);

function describe(resource: Resource, request: Request, context: Context): Result {
  const { resourceType, resourceName } = resource;
  try {
    const configs = configsOf(resource, context).map((config) => ({
      ...config,
      synonyms: request.includeSynonyms ? config.synonyms : [],
      documentation: request.includeDocumentation ? config.documentation : null,
    }));
    return { errorCode: NONE, errorMessage: null, resourceType, resourceName, configs };
  } catch (error) {
    return { ...failureOf(error), resourceType, resourceName, configs: [] };
  }
}

function configsOf(resource: Resource, context: Context): DescribedConfig[] {
  // Java's older clients send an empty list for "all".
  const keys = resource.configurationKeys;
  const names = keys === null || keys.length === 0 ? null : keys;
  switch (resource.resourceType) {
    case CONFIG_RESOURCE.topic:
      return describeTopicConfigs(topicOf(context.broker.streams, resource.resourceName), names);
    case CONFIG_RESOURCE.broker:
      checkBrokerName(resource.resourceName, context.broker.nodeId);
      return describeBrokerConfigs(context.settings, context.broker.streams, names);
    default:
      throw new BrokerError(
        'invalid-request',
        `resources of type ${resource.resourceType} have no settings here`,
      );
  }
}
