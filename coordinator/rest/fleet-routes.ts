/**
 * Which nodes are there, and how does an operator admit, spare and remove them?
 */
import type * as v from 'valibot';
import { parseNodeId } from '../../shared/ids.ts';
import type { Command } from '../../shared/ledger/commands.ts';
import { committedAnswer, nodeAdmission, nodesAnswer, nodeView } from '../../shared/wire/rest.ts';
import type { NodesAnswer, NodeView } from '../../shared/wire/rest.ts';
import { notFound, rejectionError } from './errors.ts';
import { nodeViews } from './node-view.ts';
import type { RestPorts } from './ports.ts';
import { defineRoute } from './route.ts';
import type { Route } from './route.ts';

export const FLEET_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'GET', path: '/nodes', operation: 'listNodes', tag: 'fleet', access: 'operator',
    summary: 'All nodes: what the ledger knows, what they gossip of themselves, and whether the leader suspects them.',
    answer: nodesAnswer,
    handle: async ({ ports }): Promise<NodesAnswer> => ({ nodes: [...(await viewNodes(ports))], asOf: ports.fleet.asOf() }),
  }),
  defineRoute({
    method: 'GET', path: '/nodes/{node}', operation: 'getNode', tag: 'fleet', access: 'operator',
    summary: 'One node.',
    answer: nodeView,
    handle: async ({ ports, path }): Promise<NodeView> => {
      const found = (await viewNodes(ports)).find((node) => node.id === path['node']);
      if (found === undefined) throw notFound(`node ${path['node']}`);
      return found;
    },
  }),
  defineRoute({
    method: 'POST', path: '/nodes', operation: 'admitNode', tag: 'fleet', access: 'operator',
    summary: 'Admits a node: from then on its agent gets connections. The same id again replaces its addresses and keys.',
    body: nodeAdmission, answer: committedAnswer,
    handle: async ({ ports, body }) => await commit(ports, { kind: 'admitNode', node: { ...body, id: parseNodeId(body.id) } }),
  }),
  defineRoute({
    method: 'POST', path: '/nodes/{node}/cordon', operation: 'cordonNode', tag: 'fleet', access: 'operator',
    summary: 'The node takes no new instances. It is in maintenance when its last one is gone.',
    answer: committedAnswer,
    handle: async ({ ports, path }) => await commit(ports, { kind: 'cordonNode', node: parseNodeId(path['node'] ?? ''), cordoned: true }),
  }),
  defineRoute({
    method: 'POST', path: '/nodes/{node}/uncordon', operation: 'uncordonNode', tag: 'fleet', access: 'operator',
    summary: 'The node takes instances again.',
    answer: committedAnswer,
    handle: async ({ ports, path }) => await commit(ports, { kind: 'cordonNode', node: parseNodeId(path['node'] ?? ''), cordoned: false }),
  }),
  defineRoute({
    method: 'DELETE', path: '/nodes/{node}', operation: 'removeNode', tag: 'fleet', access: 'operator',
    summary: 'Removes a node for good; only one that is fenced, in maintenance or was never started. Its name never comes back. One that votes hands its vote over first: that begins with this request, which is refused (stillVotes, retryable) until it is done.',
    answer: committedAnswer,
    handle: async ({ ports, path }) => await commit(ports, { kind: 'removeNode', node: parseNodeId(path['node'] ?? '') }),
  }),
];

async function viewNodes(ports: RestPorts): Promise<readonly NodeView[]> {
  const [state, leader] = await Promise.all([ports.cell.fresh(), ports.fleet.leaderSight()]);
  return nodeViews(state, { status: ports.fleet.status(), health: ports.fleet.health(), leader });
}

/** Commits a command of an operator. Throws RestError when the ledger refuses it. */
export async function commit(ports: RestPorts, command: Command): Promise<v.InferOutput<typeof committedAnswer>> {
  const { index, result } = await ports.cell.propose(command);
  if (result.kind === 'rejected') throw rejectionError(result);
  return { index };
}
