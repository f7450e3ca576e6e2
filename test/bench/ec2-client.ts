/**
 * How do the benchmarks ask for instances? As a client does that keeps its connections and signs each request, without
 * the half second that starting the aws command costs.
 */
import { Agent, request } from 'node:http';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import { Sha256 } from '../../coordinator/auth/sha256.ts';

const API_VERSION = '2016-11-15';
const REQUEST_MS_MAX = 30_000;

/** A signing client. */
export class Ec2Client {
  readonly #endpoint: URL;
  readonly #signer: SignatureV4;
  readonly #agent: Agent;

  /** `env` is that of the playground; at most `connections` requests run at once. */
  constructor(env: Readonly<Record<string, string>>, connections: number) {
    this.#endpoint = new URL(env['AWS_ENDPOINT_URL'] ?? '');
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.#signer = new SignatureV4({
      region: env['AWS_DEFAULT_REGION'] ?? '', service: 'ec2', sha256: Sha256,
      credentials: { accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '', secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '' },
    });
  }

  /** Asks, and returns the XML. Throws with the answer when it is an error. */
  async ask(action: string, parameters: Readonly<Record<string, string>> = {}): Promise<string> {
    return await (await this.#sign(action, parameters))();
  }

  /** Signs a request, which is sent when the result is called. */
  async #sign(action: string, parameters: Readonly<Record<string, string>>): Promise<() => Promise<string>> {
    const { hostname, port } = this.#endpoint;
    const body = new URLSearchParams({ Action: action, Version: API_VERSION, ...parameters }).toString();
    const signed = await this.#signer.sign(new HttpRequest({
      method: 'POST', protocol: 'http:', hostname, port: Number(port), path: '/', body,
      headers: { host: `${hostname}:${port}`, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    }));
    return async () => await this.#send(action, signed.headers, body);
  }

  async #send(action: string, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
    const { hostname, port } = this.#endpoint;
    const { status, text } = await new Promise<{ readonly status: number; readonly text: string }>((settle, fail) => {
      const asked = request({ hostname, port, method: 'POST', path: '/', headers: { ...headers, 'content-length': Buffer.byteLength(body) }, agent: this.#agent, timeout: REQUEST_MS_MAX }, (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => void pieces.push(piece));
        answer.on('end', () => settle({ status: answer.statusCode ?? 0, text: Buffer.concat(pieces).toString() }));
        answer.on('error', fail);
      });
      asked.on('timeout', () => asked.destroy(new Error(`${action} was not answered within ${REQUEST_MS_MAX} ms`)));
      asked.on('error', fail);
      asked.end(body);
    });
    if (status !== 200) throw new Error(`${action} was answered with ${status}: ${text.slice(0, 300)}`);
    return text;
  }

  /** The first image that there is. */
  async image(): Promise<string> {
    const id = /<imageId>(ami-\w+)<\/imageId>/.exec(await this.ask('DescribeImages'))?.[1];
    if (id === undefined) throw new Error('there is no image');
    return id;
  }

  /** Requests `count` instances of the smallest type and returns their ids. */
  async runInstances(image: string, count: number): Promise<readonly string[]> {
    return await (await this.readyToRun(image, count))();
  }

  /** Signs a request for `count` instances of the smallest type, which is sent when the result is called. Valid for five minutes. */
  async readyToRun(image: string, count: number): Promise<() => Promise<readonly string[]>> {
    const send = await this.#sign('RunInstances', { ImageId: image, InstanceType: 't1.micro', MinCount: String(count), MaxCount: String(count) });
    return async () => [...(await send()).matchAll(/<instanceId>(i-\w+)<\/instanceId>/g)].map(([, id = '']) => id);
  }

  close(): void {
    this.#agent.destroy();
  }
}
