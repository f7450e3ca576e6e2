/**
 * What may anyone know without a key? Whether the service lives, and what it offers.
 */
import { statusAnswer } from '../../shared/wire/rest.ts';
import { openApiDocument } from './open-api.ts';
import type { RestPorts } from './ports.ts';
import { defineRoute } from './route.ts';
import type { Route } from './route.ts';

/** The routes that describe the service; `others` are those that the OpenAPI document names beside them. */
export function serviceRoutes(others: readonly Route[]): readonly Route[] {
  const routes: readonly Route[] = [
    defineRoute({
      method: 'GET', path: '/status', operation: 'getStatus', tag: 'service', access: 'anyone',
      summary: 'Whether the coordinator answers, and whether its cell has a leader as far as it knows.',
      answer: statusAnswer,
      handle: ({ ports }) => Promise.resolve(statusOf(ports)),
    }),
    defineRoute({
      method: 'GET', path: '/openapi.json', operation: 'getOpenApi', tag: 'service', access: 'anyone',
      summary: 'This document.',
      media: 'application/json',
      handle: () => Promise.resolve(document()),
    }),
  ];
  let made: object | null = null;
  const document = (): object => (made ??= openApiDocument([...others, ...routes]));
  return routes;
}

/** The minimal status, also of `/healthz`. */
export function statusOf({ fleet, cell }: Pick<RestPorts, 'fleet' | 'cell'>): { readonly status: 'ok' | 'noLeader'; readonly member: string; readonly cell: string } {
  const { member, leader } = fleet.status();
  return { status: leader === null ? 'noLeader' : 'ok', member, cell: cell.cell };
}
