/**
 * What is the user told once instances can be requested? Lines to paste, and DIR/playground.env for the shell.
 */
import { relative } from 'node:path';
import type { CellFile } from './cell-file.ts';
import type { Layout } from './layout.ts';
import { testImage } from './test-image.ts';

/** The fleet as EC2 clients see it: coordinator/ec2/region.ts. */
const REGION = 'ves-1';

/** The file's text. Debian's awscli (2.9) does not read AWS_ENDPOINT_URL by itself: the lines to paste name it. */
export function environmentText(cell: CellFile, endpoint: string): string {
  const variables: readonly (readonly [string, string])[] = [
    ['AWS_ENDPOINT_URL', endpoint], ['AWS_ACCESS_KEY_ID', cell.accessKeyId], ['AWS_SECRET_ACCESS_KEY', cell.secretAccessKey],
    ['AWS_DEFAULT_REGION', REGION], ['VES_ENDPOINT', endpoint],
  ];
  return variables.map(([name, value]) => `export ${name}='${value}'\n`).join('');
}

/** What is printed. `directory` is where the user stands. */
export function welcomeText(layout: Layout, endpoint: string, directory: string): string {
  const path = relative(directory, layout.envFile);
  const env = shellWord(path.startsWith('..') ? layout.envFile : `./${path}`);
  return `
  Endpoint  ${endpoint}   (EC2 Query and REST; 127.0.0.1 only)
  Image     ${testImage('').id}

  In another terminal, in this directory:

    . ${env}
    aws --endpoint-url "$AWS_ENDPOINT_URL" ec2 run-instances \\
      --image-id ${testImage('').id} --instance-type t1.micro
    npx ves instances
    npx ves room power-off NODE        pull the plug of the node that it runs on
    npx ves events --follow            watch the others heal it
    npx ves why INSTANCE               why that was safe

  Ctrl-C ends everything; the next start has it all again.
`;
}

/** A path as a shell reads it back, plain where that needs no quotes. */
function shellWord(path: string): string {
  return /^[\w./+@-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
