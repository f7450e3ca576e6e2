/**
 * How is one HTTP request to the EC2 endpoint answered? Read, authenticated, dispatched; an error in the form of its service.
 */
import { verifySignature } from '../auth/verify-signature.ts';
import { uuid } from '../../shared/random.ts';
import { describeError } from '../../shared/errors.ts';
import type { Ports } from '../ports.ts';
import { compileServices } from './action-table.ts';
import type { Service } from './action-table.ts';
import { asEc2Error, Ec2Error, missingParameter, shortened } from './errors.ts';
import { readRequest } from './read-request.ts';
import type { Parameter } from './read-request.ts';
import { escapeXml } from './xml.ts';

/** Requests answered at the same time; more are told to come back (`RequestLimitExceeded`, which clients retry). */
export const REQUESTS_MAX = 512;

/** What is known of a request, for its answer and for the log. */
interface Progress {
  readonly requestId: string;
  readonly parameters: Map<string, string>;
  environment: string | null;
}

/** Answers one request. Never rejects. */
export type Endpoint = (request: Request) => Promise<Response>;

/** Builds the endpoint; compiling the service model takes some milliseconds, once. */
export function createEndpoint(ports: Ports): Endpoint {
  const services = compileServices();
  let answering = 0;
  return async (request) => {
    const startedAtMs = ports.clock.nowMs();
    const progress: Progress = { requestId: uuid(ports.chance), parameters: new Map(), environment: null };
    answering += 1;
    let error: Ec2Error | null = null;
    let response: Response;
    try {
      if (answering > REQUESTS_MAX) throw new Ec2Error('RequestLimitExceeded', 'Request limit exceeded.');
      response = xmlResponse(200, await answer(request, ports, services, progress), progress);
    } catch (thrown) {
      error = asEc2Error(thrown);
      response = xmlResponse(error.status, errorBody(error, progress), progress);
    } finally {
      answering -= 1;
    }
    logRequest(ports, progress, response.status, error, ports.clock.nowMs() - startedAtMs);
    return response;
  };
}

async function answer(request: Request, ports: Ports, services: ReadonlyMap<string, Service>, progress: Progress): Promise<string> {
  const { arrived, parameters } = await readRequest(request);
  for (const name of ['Action', 'Version']) progress.parameters.set(name, parameters.find(([given]) => given === name)?.[1] ?? '');
  const version = progress.parameters.get('Version') ?? '';
  const service = services.get(version);
  const verdict = await verifySignature(arrived, { accounts: ports.accounts, nowMs: Date.parse(ports.clock.wallTime()), services: ['ec2', 'sts'] });
  if (verdict.kind === 'refused') {
    // What EC2 calls AuthFailure, STS calls InvalidClientTokenId.
    throw new Ec2Error(verdict.code === 'AuthFailure' && service?.name === 'sts' ? 'InvalidClientTokenId' : verdict.code, verdict.message);
  }
  progress.environment = verdict.account.environment;
  const action = progress.parameters.get('Action') ?? '';
  if (action === '') throw new Ec2Error('MissingAction', 'The request must contain the parameter Action');
  if (version === '') throw missingParameter('Version');
  if (service === undefined) throw new Ec2Error('NoSuchVersion', `The requested version (${shortened(version)}) of service AmazonEC2 does not exist`);
  const context = { ports, keyId: verdict.keyId, account: verdict.account, host: request.headers.get('host') ?? '' };
  return service.find(action)(parameters.filter(isOfAction), context, progress.requestId);
}

/** Parameters that belong to the protocol, not to an action. */
function isOfAction([name]: Parameter): boolean {
  return name !== 'Action' && name !== 'Version' && !name.startsWith('X-Amz-');
}

function xmlResponse(status: number, body: string, progress: Progress): Response {
  const headers = { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': progress.requestId, 'cache-control': 'no-cache, no-store' };
  return new Response(body, { status, headers });
}

function errorBody(error: Ec2Error, progress: Progress): string {
  const id = progress.requestId;
  const content = `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>`;
  if (progress.parameters.get('Version') === '2011-06-15') {
    const type = error.status >= 500 ? 'Receiver' : 'Sender';
    return `<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>${type}</Type>${content}</Error><RequestId>${id}</RequestId></ErrorResponse>`;
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>${content}</Error></Errors><RequestID>${id}</RequestID></Response>`;
}

function logRequest(ports: Ports, progress: Progress, status: number, error: Ec2Error | null, durationMs: number): void {
  const action = shortened(progress.parameters.get('Action') ?? '');
  const failure = error === null ? {} : { code: error.code, ...(status >= 500 ? { reason: describeError(error) } : {}) };
  ports.log.write({ event: 'ec2Request', requestId: progress.requestId, environment: progress.environment, action, status, durationMs, ...failure });
}
