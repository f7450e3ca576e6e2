/**
 * How does a person pull plugs in the playground? The simulated machine room's control, passed on. Real fleets have no room.
 */
import type * as v from 'valibot';
import { doneAnswer, roomBmc, roomCut, roomReport } from '../../shared/wire/rest.ts';
import { ClusterError } from '../../shared/errors.ts';
import { RestError } from './errors.ts';
import type { RestPorts, RoomPort } from './ports.ts';
import { defineRoute } from './route.ts';
import type { Route } from './route.ts';

type Done = v.InferOutput<typeof doneAnswer>;

export const ROOM_ROUTES: readonly Route[] = [
  order('powerOff', 'power-off', 'Pulls the plug: nothing is written back, nobody says goodbye.', (node) => `${node} is off.`),
  order('powerOn', 'power-on', 'Switches the node on; its agent starts with it.', (node) => `${node} is on.`),
  order('reset', 'reset', 'Presses the reset button.', (node) => `${node} was reset.`),
  order('heal', 'heal', 'Plugs all cables of the node in again.', (node) => `${node} has all its cables again.`),
  defineRoute({
    method: 'POST', path: '/room/nodes/{node}/cut', operation: 'roomCut', tag: 'room', access: 'operator',
    summary: 'Unplugs a network cable of the node: mesh, storage or both.',
    body: roomCut, answer: doneAnswer,
    handle: async ({ ports, path, body }): Promise<Done> => {
      await ask(ports, 'cut', { node: path['node'], what: body.network });
      return { done: true, message: `${path['node']} is cut from ${body.network === 'all' ? 'both networks' : `the ${body.network} network`}.` };
    },
  }),
  defineRoute({
    method: 'PUT', path: '/room/nodes/{node}/bmc', operation: 'roomBmc', tag: 'room', access: 'operator',
    summary: 'Makes the node\'s BMC unreachable, or a liar that confirms what it did not do.',
    body: roomBmc, answer: doneAnswer,
    handle: async ({ ports, path, body }): Promise<Done> => {
      await ask(ports, 'setBmc', { node: path['node'], ...body });
      return { done: true, message: `The BMC of ${path['node']} is as you said.` };
    },
  }),
  defineRoute({
    method: 'GET', path: '/room/report', operation: 'roomReport', tag: 'room', access: 'operator',
    summary: 'What the room itself observed: power, cables, who really ran where, and every broken promise.',
    answer: roomReport,
    handle: async ({ ports }) => await ask(ports, 'report', {}),
  }),
];

function order(op: string, word: string, summary: string, said: (node: string) => string): Route {
  return defineRoute({
    method: 'POST', path: `/room/nodes/{node}/${word}`, operation: `room${op[0]?.toUpperCase()}${op.slice(1)}`, tag: 'room', access: 'operator',
    summary, answer: doneAnswer,
    handle: async ({ ports, path }): Promise<Done> => {
      await ask(ports, op, { node: path['node'], ...(op === 'heal' ? { what: 'all' } : {}) });
      return { done: true, message: said(path['node'] ?? '') };
    },
  });
}

function roomOf(ports: RestPorts): RoomPort {
  if (ports.room === null) throw new RestError(404, 'NoRoom', 'this fleet is real: only the playground (npm start) has a simulated machine room');
  return ports.room;
}

/** The room's own refusals (an unknown node, no BMC, already on ...) are the client's to know. */
async function ask(ports: RestPorts, op: string, fields: Readonly<Record<string, unknown>>): Promise<unknown> {
  const room = roomOf(ports);
  try {
    return await room.ask(op, fields);
  } catch (error) {
    if (!(error instanceof ClusterError) || error.retryable) throw error;
    throw new RestError(error.code === 'UnknownNode' ? 404 : 409, error.code, error.message, { cause: error });
  }
}
