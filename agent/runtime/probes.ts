/**
 * Does another node still live? Asks helpers for the leader, and answers as a helper (mesh method `probe`).
 */
import { ClusterError } from '../../shared/errors.ts';
import type { MemberId, NodeId } from '../../shared/ids.ts';
import type { Mesh } from '../../shared/wire/mesh.ts';
import { parseProbeAnswer, parseProbeRequest } from '../machines/probe.ts';
import type { ProbeAnswer, ProbeRequest } from '../machines/probe.ts';

const METHOD = 'probe';
/** The helper's own ping gets this share of the time, so that its answer is back before the leader gives up. */
const PING_SHARE = 0.6;

/** What a helper can say without asking anybody. */
export interface ProbeFacts {
  /** Age of the last renewal that this member received from the node, ms; null if none. */
  renewalAgeMs(node: NodeId): number | null;
  /** Whether this node's replicas see their peers on that node; null when it shares none. */
  storageReachable(node: NodeId): boolean | null;
}

/** Answers probes, on every agent. */
export function serveProbes(mesh: Mesh, facts: ProbeFacts): void {
  mesh.serve(METHOD, async (_from, body) => {
    const request = parseProbeRequest(body);
    if (request === null) throw new ClusterError('MalformedProbe', 'the probe is malformed', { retryable: false });
    if (request.kind === 'ping') return { kind: 'pong' };
    const answer: ProbeAnswer = {
      agentAnswers: request.node === mesh.self || await answersPing(mesh, request.node, request.timeoutMs),
      renewalAgeMs: facts.renewalAgeMs(request.node),
      storageReachable: facts.storageReachable(request.node),
    };
    return answer;
  });
}

/** Asks one helper whether it can reach the node. Null when the helper does not answer in time, or nonsense. */
export async function askHelper(mesh: Mesh, helper: MemberId, node: NodeId, timeoutMs: number): Promise<ProbeAnswer | null> {
  const request: ProbeRequest = { kind: 'reach', node, timeoutMs: timeoutMs * PING_SHARE };
  try {
    return parseProbeAnswer(await mesh.request(helper, METHOD, request, { timeoutMs }));
  } catch {
    // Whatever the reason: this helper has no opinion.
    return null;
  }
}

async function answersPing(mesh: Mesh, node: NodeId, timeoutMs: number): Promise<boolean> {
  const request: ProbeRequest = { kind: 'ping' };
  try {
    await mesh.request(node, METHOD, request, { timeoutMs });
    return true;
  } catch {
    return false;
  }
}
