/**
 * cdk-nag on what SAM makes of the template: the packs know a function, a mapping of an event source and a stage of an API only under
 * the names that these have after the transform, so of the template as it is they say little.
 *
 *     npm run expanded -- ../../target/sam/bin/python
 *
 * Takes a Python with aws-sam-translator. Ends with 1 if there is a finding that is not accepted here, or one accepted that is not found.
 */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Acknowledgment, App, CfnResource, DefaultStackSynthesizer, Stack, Validations } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { accepted } from '../lib/accepted';
import { holds } from '../lib/conditions';
import { parameterName } from '../lib/parameters';
import { functionNames } from '../lib/perennial';
import { findingsIn } from './findings';
import { app, perennialIn } from './stacks';

/** By type, what holds for every resource of it. */
const ofTypes: Record<string, Acknowledgment[]> = {
  'AWS::Lambda::Function': [
    {
      id: 'Serverless::Serverless-LambdaDLQ',
      reason:
        'What rules and schedules invoke has a destination for failures, which tells more than a dead letter. Streams have one of their ' +
        'own, queues redrive, and a caller by HTTP is told.',
    },
  ],
};

/** By logical id, what holds for that one. */
const ofResources: Record<string, Acknowledgment[]> = {
  ...Object.fromEntries(functionNames.map((name) => [`${parameterName(name)}Role`, traced()])),
  SendNurtureEmailRole: [...traced(), anyRecipient()],
  SendNurtureEmailMail: queueSource(),
  RecordEmailFeedbackFeedback: queueSource(),
};

function queueSource(): Acknowledgment[] {
  const reason = 'A queue takes no destination for failures: it redrives to its dead-letter queue after five receives.';
  return [{ id: 'Serverless::Serverless-LambdaEventSourceMappingDestination', reason }];
}

function anyRecipient(): Acknowledgment {
  const reason =
    'Of a stage that is not production: in the sandbox SES asks for the right to send on the identity of the recipient too, whoever it is. ' +
    'The sender is limited by a condition.';
  return { id: 'AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ses:<AWS::Region>:<AWS::AccountId>:identity/*]', reason };
}

function traced(): Acknowledgment[] {
  const reason = 'X-Ray has no resource that a right to send traces could be limited to; of the other rights the permission tests tell.';
  return ['AwsSolutions::AwsSolutions-IAM5[Resource::*]', 'Serverless::Serverless-LambdaStarPermissions'].map((id) => ({ id, reason }));
}

function main(python: string): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'perennial-expanded-'));
  try {
    const templateFile = path.join(folder, 'template.json');
    fs.writeFileSync(templateFile, expanded(python));
    const root = new App();
    const stack = new Stack(root, 'Test', { synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) });
    const stated = accept(new CfnInclude(stack, 'Expanded', { templateFile }));
    assert.deepEqual(findingsIn(root), { open: [], accepted: stated });
    console.log(`${stated.length} findings, each with its reason; no other.`);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function expanded(python: string): string {
  const root = app();
  const stack = new Stack(root, 'Test');
  perennialIn(stack);
  const synthesized = JSON.stringify(root.synth().getStackArtifact(stack.artifactId).template);
  const script = path.join(__dirname, '..', '..', 'test', 'expand.py');
  const transformed = JSON.parse(execFileSync(python, [script], { input: synthesized, encoding: 'utf8', maxBuffer: 1 << 26 }));
  const decided = (condition: string): boolean => holds(transformed.Conditions[condition], decided);
  return JSON.stringify(settled(transformed, decided));
}

/** The packs read no condition: every Fn::If is what it comes to, and every Fn::Select what it selects. */
function settled(value: unknown, decided: (condition: string) => boolean): unknown {
  if (Array.isArray(value)) {
    return value.map((each) => settled(each, decided));
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const [[key, operand] = []] = Object.entries(value);
  if (key === 'Fn::If') {
    return settled(operand[decided(operand[0]) ? 1 : 2], decided);
  }
  if (key === 'Fn::Select' && Array.isArray(operand[1])) {
    return settled(operand[1][Number(operand[0])], decided);
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, settled(each, decided)]));
}

/** Acknowledges, and tells what it has acknowledged. */
function accept(template: CfnInclude): string[] {
  const stated = template.node.findAll().filter(CfnResource.isCfnResource).flatMap((resource) => {
    const { id } = resource.node;
    const each = [...(ofTypes[resource.cfnResourceType] ?? []), ...(ofResources[id] ?? []), ...(accepted[id] ?? [])];
    Validations.of(resource).acknowledge(...each);
    return each.map((acknowledgment) => `${id} ${acknowledgment.id}`);
  });
  return [...new Set(stated)].sort();
}

main(process.argv[2] ?? 'python3');
