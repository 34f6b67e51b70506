/**
 * Which action a request asks for, on either wire.
 *
 *   AWS JSON   X-Amz-Target: AmazonSQS.SendMessage                      body: JSON
 *   Query      Action=SendMessage&Version=2012-11-05                    body: form; or the query of a GET
 *
 * The target's prefix or the version tell the service; without a version the action's name does, or else for which service the
 * request is signed.
 */
import type { HttpRequest } from '../../net/http/http-exchange.ts';
import {
  type Action,
  AwsError,
  type AwsWire,
  decodeJson,
  decodeQuery,
  type FormPairs,
  parseForm,
  parseQueryString,
  type ServiceTable,
  SNS,
  SNS_NOT_OFFERED,
  SQS,
} from './wire/index.ts';

export interface Asked {
  readonly wire: AwsWire;
  readonly service: ServiceTable;
  /** Its name; whether there is one of that name shows in `actionOf`. */
  readonly name: string;
  readonly pairs: FormPairs;
}

const SERVICES: readonly ServiceTable[] = [SQS, SNS];
const NO_PAIRS: FormPairs = [];

/** What is asked for, as far as it shows before anything is checked: errors are worded accordingly. */
export function askedBy(request: HttpRequest, signedFor: string | undefined): Asked {
  const target = request.header('x-amz-target');
  if (target !== undefined) {
    const dot = target.lastIndexOf('.');
    const prefix = target.slice(0, dot);
    const service = SERVICES.find(({ targetPrefix }) => targetPrefix === prefix);
    const name = service === undefined ? '' : target.slice(dot + 1);
    return { wire: 'json', service: service ?? SQS, name, pairs: NO_PAIRS };
  }
  const pairs = [...parseQueryString(request.target), ...parseForm(request.body)];
  const name = parameter(pairs, 'Action') ?? '';
  const version = parameter(pairs, 'Version');
  const service =
    SERVICES.find((each) => each.version === version) ??
    SERVICES.find(({ actions }) => actions.has(name)) ??
    SERVICES.find((each) => each.service === signedFor);
  return { wire: 'query', service: service ?? SQS, name, pairs };
}

/** Throws what AWS answers to an action that does not exist, or that this broker does not have. */
export function actionOf({ wire, service, name }: Asked): Action {
  const action = service.actions.get(name);
  if (action !== undefined) return action;
  if (wire === 'json') {
    throw new AwsError(
      'UnknownOperationException',
      name === ''
        ? 'The X-Amz-Target header names no service of this broker; there are AmazonSQS and AmazonSimpleNotificationService.'
        : `${service.service.toUpperCase()} has no operation ${name}.`,
    );
  }
  if (name === '')
    throw new AwsError('MissingAction', 'The request must contain the parameter Action.');
  if (service === SNS && SNS_NOT_OFFERED.includes(name)) {
    throw new AwsError(
      'InvalidAction',
      `This broker does not offer ${name}: there is no mobile push, and text messages go to the webhook that the setting sns.smsWebhook names.`,
    );
  }
  throw new AwsError('InvalidAction', `The action ${name} is not valid for this endpoint.`);
}

/** The input of the action. In the Query protocol a queue may be named by the path. */
export function inputOf(
  { wire, service, pairs }: Asked,
  action: Action,
  request: HttpRequest,
): object {
  if (wire === 'json') return decodeJson(action, request.body);
  const path = request.target.split('?', 1)[0]!;
  const byPath =
    service === SQS &&
    action.input.members['QueueUrl'] !== undefined &&
    path.length > 1 &&
    parameter(pairs, 'QueueUrl') === undefined;
  return decodeQuery(action, byPath ? [...pairs, ['QueueUrl', path]] : pairs);
}

function parameter(pairs: FormPairs, name: string): string | undefined {
  return pairs.find(([key]) => key === name)?.[1];
}
