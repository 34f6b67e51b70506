/**
 * What anybody may get without signing: the certificate that notifications verify with, and the pages behind the links in them
 * that confirm or end a subscription.
 *
 *   GET /SimpleNotificationService-<fingerprint>.pem
 *   GET /?Action=ConfirmSubscription&TopicArn=…&Token=…
 *   GET /?Action=Unsubscribe&SubscriptionArn=…
 *
 * A token is proof enough for the one; the other is refused where the confirmation asked for it. Calls of the same actions that
 * are signed, or POSTs, are none of these.
 */
import type { HttpExchange, HttpRequest } from '../../../net/http/http-exchange.ts';

const UNSIGNED_ACTIONS: readonly string[] = ['ConfirmSubscription', 'Unsubscribe'];

/** Whether the request is one of the above, for an unsigned action. */
export function unsignedAction(request: HttpRequest): URLSearchParams | undefined {
  const { method, target } = request;
  if (method !== 'GET' || request.header('authorization') !== undefined) return undefined;
  const at = target.indexOf('?');
  if (at < 0) return undefined;
  const parameters = new URLSearchParams(target.slice(at + 1));
  if (parameters.has('X-Amz-Signature') || parameters.has('X-Amz-Credential')) return undefined;
  return UNSIGNED_ACTIONS.includes(parameters.get('Action') ?? '') ? parameters : undefined;
}

/** Answers with the certificate, if that is what the request is for. */
export function answerCertificate(
  exchange: HttpExchange,
  { certificatePath, certificatePem }: { certificatePath: string; certificatePem: string },
): boolean {
  const { method, target } = exchange.request;
  const [path] = target.split('?', 1);
  if (method !== 'GET' || path !== certificatePath) return false;
  exchange.answer({
    status: 200,
    contentType: 'application/x-pem-file',
    headers: [['cache-control', 'public, max-age=86400']],
    body: certificatePem,
  });
  return true;
}
