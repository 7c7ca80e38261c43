import { strict as assert } from 'node:assert';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { after, test } from 'node:test';
import { App, Stack } from 'aws-cdk-lib';
import { Template as Synthesized } from 'aws-cdk-lib/assertions';
import { PLACEHOLDERS, Perennial, PerennialProps } from '../lib';
import { least, perennial, synthesized } from './stacks';
import { checkout, readTemplate } from './template-file';

const built = fs.mkdtempSync(path.join(os.tmpdir(), 'perennial-cdk-'));
after(() => fs.rmSync(built, { recursive: true }));

const functions = Object.entries(readTemplate().Resources).filter(([, { Type }]) => Type === 'AWS::Serverless::Function');

test('what is not built is refused, with the command that builds it', () => {
  const nothing = folder('nothing');
  refuses({ functionsFolder: nothing, playbookFolder: playbook() }, /is not built: there is no .*bootstrap\. Run, in .*\n {2}.*cargo lambda build .*--arm64/);
  refuses({ functionsFolder: build('binary', 0xb7), playbookFolder: nothing }, /playbook is not compiled: .*\n {2}cargo run -- playbook build/);
});

test('what is built for another processor is refused', () => {
  refuses({ functionsFolder: build('binary', 0x3e), playbookFolder: playbook() }, /bootstrap is not built for arm64/);
  refuses({ functionsFolder: build('binary', 0xb7), playbookFolder: playbook(), architecture: 'x86_64' }, /bootstrap is not built for x86_64/);
});

test('what cargo lambda built is deployed, and what SAM built', () => {
  for (const layout of ['binary', 'logical id'] as const) {
    const deployed = synthesized(deployable({ functionsFolder: build(layout, 0xb7), playbookFolder: playbook() }));
    const places = Object.values(deployed.findResources('AWS::Serverless::Function')).map(({ Properties }) => Properties.CodeUri.Key);
    assert.equal(new Set(places).size, functions.length, 'each function has an asset of its own');
    deployed.hasResourceProperties('AWS::Serverless::LayerVersion', { ContentUri: {} });
    assert.equal(ruleOf(deployed), undefined);
  }
});

test('placeholders are refused by CloudFormation', () => {
  // Whoever only looks at the template has whatever was built last, for whichever processor.
  for (const functionsFolder of [folder('empty'), build('binary', 0x3e)]) {
    const construct = perennial({ functionsFolder, playbookFolder: folder('empty') });
    const [assertion] = ruleOf(synthesized(construct))!.Assertions;
    assert.deepEqual(assertion?.Assert, { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'nowhere'] });
    assert.match(String(assertion?.AssertDescription), new RegExp(PLACEHOLDERS));
  }
});

test('the checkout is the one that the package lies in, or the one that is said', () => {
  assert.throws(() => perennial({ checkout: built }), /template\.yaml/);
  perennial({ checkout });
});

/** The rule that refuses, if there is one. */
function ruleOf(deployed: Synthesized): { Assertions: { Assert: unknown; AssertDescription: string }[] } | undefined {
  return Object.entries(deployed.toJSON().Rules ?? {}).find(([id]) => id.includes('FunctionsAreBuilt'))?.[1] as never;
}

function folder(name: string): string {
  const made = path.join(built, name);
  fs.mkdirSync(made, { recursive: true });
  return made;
}

function playbook(): string {
  fs.writeFileSync(path.join(folder('playbook'), 'playbook.json'), '{}');
  return folder('playbook');
}

/** A folder for each function, with the first bytes of a program for that machine. */
function build(layout: 'binary' | 'logical id', machine: number): string {
  const root = `${layout} ${machine}`;
  for (const [logicalId, resource] of functions) {
    const { Binary } = (resource as unknown as { Metadata: { BuildProperties: { Binary: string } } }).Metadata.BuildProperties;
    const head = Buffer.alloc(64);
    head.write('\x7fELF', 'latin1');
    head.writeUInt16LE(machine, 18);
    fs.writeFileSync(path.join(folder(path.join(root, layout === 'binary' ? Binary : logicalId)), 'bootstrap'), Buffer.concat([head, Buffer.from(Binary)]));
  }
  return folder(root);
}

function deployable(properties: Partial<PerennialProps>): Perennial {
  return new Perennial(new Stack(new App(), 'Test'), 'Perennial', { ...least, ...properties });
}

function refuses(properties: Partial<PerennialProps>, message: RegExp): void {
  assert.throws(() => deployable(properties), message);
}
