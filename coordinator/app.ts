/**
 * What does the coordinator answer over HTTP? The EC2 endpoint at `/`, and whatever is mounted at `/v1`.
 */
import { Hono } from 'hono';
import type { BlankEnv, Env } from 'hono/types';
import { createEndpoint } from './ec2/endpoint.ts';
import type { Ports } from './ports.ts';

/** Parts of the app that are made elsewhere. */
export interface AppParts<RestEnv extends Env = BlankEnv> {
  /** The REST interface, with paths relative to `/v1`. It authenticates by itself (auth/verify-signature.ts) and sees the whole path. */
  readonly rest?: Hono<RestEnv>;
}

/** The whole app, without a socket: `app.fetch` serves it, `app.request` tests it. */
export function createApp<RestEnv extends Env = BlankEnv>(ports: Ports, parts: AppParts<RestEnv> = {}): Hono {
  const app = new Hono();
  const endpoint = createEndpoint(ports);
  app.on(['GET', 'POST'], '/', (c) => endpoint(c.req.raw));
  app.all('/', (c) => c.text('The EC2 endpoint takes GET and POST.\n', 405, { allow: 'GET, HEAD, POST' }));
  if (parts.rest !== undefined) app.route('/v1', parts.rest);
  app.notFound((c) => c.text('There is nothing here: the EC2 endpoint is at /.\n', 404));
  return app;
}
