import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { Lazy } from 'aws-cdk-lib';
import { PerennialProps } from '../lib';
import { parameterName } from '../lib/parameters';
import { functionNames, queueNames, topicNames } from '../lib/perennial';
import { desk, least, perennial, synthesized } from './stacks';
import { readTemplate, resolved } from './template-file';

const file = readTemplate();

// The sections that decide what is deployed. Parameters have become values.
const sections = ['Transform', 'Globals', 'Mappings', 'Conditions', 'Resources', 'Outputs'];

test('what is deployed is the template, whatever its properties', () => {
  sameAsTheTemplate({});
  sameAsTheTemplate({ stage: 'prod', architecture: 'x86_64', ...desk });
  sameAsTheTemplate({ publicDomain: 'mail.example.com', logRetentionDays: 400, recoveryDays: 7, requestsPerSecond: 5, mailConcurrency: 9 });
  sameAsTheTemplate({ profile: 'minimal', edge: 'function-url', httpConcurrency: 20, rolloutType: 'Canary10Percent5Minutes' });
});

test('nothing is left to be asked for at deployment', () => {
  const deployed = synthesized(perennial()).toJSON();
  assert.deepEqual(Object.keys(deployed.Parameters), ['BootstrapVersion']);
  assert.equal(deployed.Metadata?.['AWS::CloudFormation::Interface'], undefined);
});

test('the functions, queues and topics of the template are exposed, each of them', () => {
  exposes('AWS::Serverless::Function', functionNames);
  exposes('AWS::SQS::Queue', queueNames);
  exposes('AWS::SNS::Topic', topicNames);
  const { functions, queues, topics } = perennial(desk);
  assert.deepEqual([functions, queues, topics].map((made) => Object.keys(made)), [[...functionNames], [...queueNames], [...topicNames]]);
});

test('what has no desk has no function of it and no output', () => {
  const without = perennial();
  assert.equal(without.functions.salesDesk, undefined);
  assert.equal(without.output('DeskUrl'), undefined);
  assert.notEqual(without.output('WebhookUrl'), undefined);
  const withDesk = perennial(desk);
  assert.notEqual(withDesk.functions.salesDesk, undefined);
  assert.notEqual(withDesk.output('DeskUrl'), undefined);
});

test('a value that is known at deployment only may come from another stack', () => {
  const later = (value: string) => Lazy.string({ produce: () => value });
  const construct = perennial({ deskIssuer: later('https://issuer.example.com'), deskClientId: later('client'), deskSignInPages: later('https://x.example.com') });
  assert.notEqual(construct.functions.salesDesk, undefined);
});

function exposes(type: string, names: readonly string[]): void {
  const made = Object.entries(file.Resources).filter(([, resource]) => resource.Type === type);
  assert.deepEqual(names.map(parameterName).sort(), made.map(([logicalId]) => logicalId).sort());
}

function sameAsTheTemplate(properties: Partial<PerennialProps>): void {
  const deployed = synthesized(perennial(properties)).toJSON();
  const defaults = Object.entries(file.Parameters).map(([name, declaration]) => [name, declaration.Default]);
  const given = Object.entries({ ...least, ...properties }).map(([property, value]) => [parameterName(property), value]);
  const values = Object.fromEntries([...defaults, ...given]);
  for (const section of sections) {
    assert.deepEqual(comparable(resolved(deployed[section], {})), comparable(resolved(file[section], values)), section);
  }
}

/** Folders here, a bucket and a key there. A number is as good as its digits: CloudFormation makes the one of the other. */
function comparable(section: unknown): unknown {
  const uris = ['CodeUri', 'ContentUri'];
  return JSON.parse(JSON.stringify(section, (key, value) => (uris.includes(key) ? 'code' : typeof value === 'number' ? String(value) : value)));
}
