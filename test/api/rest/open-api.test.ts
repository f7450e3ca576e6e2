/** Does the OpenAPI document tell the truth about the routes? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { jsonSchemaOf } from '../../../coordinator/rest/json-schema.ts';
import { createRoutes } from '../../../coordinator/rest/rest-app.ts';
import { call, restBench } from './support.ts';

const document = suite('the OpenAPI document');

document('is there for anyone', async () => {
  const { status, body } = await call(restBench(), 'GET', '/openapi.json', { as: null });
  assert.is(status, 200);
  assert.is(body.openapi, '3.1.0');
});

document('names every route once, and nothing else', async () => {
  const { body } = await call(restBench(), 'GET', '/openapi.json', { as: null });
  const named = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  const routes = createRoutes().map((route) => `${route.method} ${route.path}`);
  assert.equal(named.toSorted(), routes.toSorted());
  const operations = createRoutes().map((route) => route.operation);
  assert.is(new Set(operations).size, operations.length);
});

document('describes answers, bodies and parameters as they are parsed', async () => {
  const { body } = await call(restBench(), 'GET', '/openapi.json', { as: null });
  for (const route of createRoutes()) {
    const operation = body.paths[route.path][route.method.toLowerCase()];
    assert.is(operation.operationId, route.operation);
    if (route.answer !== null) assert.equal(operation.responses[200].content['application/json'].schema, JSON.parse(JSON.stringify(jsonSchemaOf(route.answer))));
    assert.is(operation.requestBody !== undefined, route.body !== null, route.operation);
    const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const parameters: { name: string; in: string }[] = operation.parameters ?? [];
    assert.equal(parameters.filter((one) => one.in === 'path').map((one) => one.name), inPath);
    assert.equal(operation.security, route.access === 'anyone' ? [] : [{ sigv4: [] }]);
  }
});

document('lets every reference lead somewhere', async () => {
  const { body } = await call(restBench(), 'GET', '/openapi.json', { as: null });
  const text = JSON.stringify(body);
  for (const [, pointer = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = pointer.split('/').reduce((part, name) => part?.[name], body);
    assert.ok(found, pointer);
  }
});

document.run();
