/**
 * What does the interface offer, in words that tools read? OpenAPI 3.1, made from the very routes and schemas that answer.
 */
import { errorAnswer } from '../../shared/wire/rest.ts';
import { jsonSchemaOf } from './json-schema.ts';
import type { JsonSchema } from './json-schema.ts';
import type { Route } from './route.ts';

const ERRORS = { $ref: '#/components/responses/Error' };

/** The document of these routes. */
export function openApiDocument(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'VES coordinator', version: '1',
      description: 'What EC2 has no word for: nodes, the ledger, events, and why it was safe. Instances are requested through the EC2 endpoint at /.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/v1' }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      responses: { Error: { description: 'Refused: `code` is stable and for programs, `retryable` says whether the same request may succeed later.', content: { 'application/json': { schema: jsonSchemaOf(errorAnswer) } } } },
      securitySchemes: {
        sigv4: { 'type': 'apiKey', 'name': 'Authorization', 'in': 'header', 'x-amazon-apigateway-authtype': 'awsSigv4', 'description': 'AWS Signature Version 4 with the same access keys as the EC2 endpoint; service `ves` or `ec2`, any region.' },
      },
    },
  };
}

function operationOf(route: Route): object {
  const parameters = [...pathParameters(route), ...queryParameters(route)];
  return {
    operationId: route.operation, summary: route.summary, tags: [route.tag],
    security: route.access === 'anyone' ? [] : [{ sigv4: [] }],
    ...(route.access === 'operator' ? { 'x-ves-access': 'operator' } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === null ? {} : { requestBody: { required: true, content: { 'application/json': { schema: jsonSchemaOf(route.body) } } } }),
    responses: {
      200: { description: 'Done.', content: { [route.media]: { schema: route.answer === null ? bare(route.media) : jsonSchemaOf(route.answer) } } },
      default: ERRORS,
    },
  };
}

function bare(media: string): JsonSchema {
  return media === 'application/json' ? { type: 'object' } : { type: 'string' };
}

function pathParameters(route: Route): readonly object[] {
  return [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function queryParameters(route: Route): readonly object[] {
  if (route.query === null) return [];
  const { properties, required } = jsonSchemaOf(route.query) as { readonly properties: Readonly<Record<string, JsonSchema>>; readonly required?: readonly string[] };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required?.includes(name) ?? false, schema }));
}
