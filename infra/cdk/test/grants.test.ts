import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { Stack } from 'aws-cdk-lib';
import { Match, Template as Synthesized } from 'aws-cdk-lib/assertions';
import { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { AccountRootPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Perennial } from '../lib';
import { CIRCLES, perennial } from './stacks';

function inItsStack(use: (construct: Perennial, role: Role, stack: Stack) => void): Synthesized {
  const construct = perennial();
  const stack = Stack.of(construct);
  use(construct, new Role(stack, 'Analyst', { assumedBy: new AccountRootPrincipal() }), stack);
  return Synthesized.fromStack(stack, CIRCLES);
}

function allows(synthesized: Synthesized, action: string | string[], resource: unknown): void {
  synthesized.hasResourceProperties('AWS::IAM::Policy', {
    Roles: [{ Ref: Match.stringLikeRegexp('^Analyst') }],
    PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ Action: action, Effect: 'Allow', Resource: resource })]) },
  });
}

test('a table can be read, and its indexes', () => {
  const synthesized = inItsStack(({ stateTable }, role) => stateTable.grant(role, 'dynamodb:Query'));
  const table = { 'Fn::GetAtt': ['StateTable', 'Arn'] };
  allows(synthesized, 'dynamodb:Query', [table, { 'Fn::Join': ['', [table, '/index/*']] }]);
});

test('with a table comes the use of its key, if it has one of its own', () => {
  const synthesized = inItsStack(({ stateTable }, role) => stateTable.grantReadData(role));
  allows(synthesized, ['kms:Decrypt', 'kms:DescribeKey'], { 'Fn::GetAtt': ['DataKey', 'Arn'] });
  assert.equal(perennial({ profile: 'minimal' }).dataKey, undefined);
});

test('a queue can be emptied', () => {
  const synthesized = inItsStack(({ queues }, role) => queues.mailDeadLetterQueue.grant(role, 'sqs:ReceiveMessage'));
  allows(synthesized, 'sqs:ReceiveMessage', { 'Fn::GetAtt': ['MailDeadLetterQueue', 'Arn'] });
});

test('the bus can be put on', () => {
  const synthesized = inItsStack(({ eventBus }, role) => eventBus.grantPutEventsTo(role));
  allows(synthesized, 'events:PutEvents', { 'Fn::GetAtt': ['EventBus', 'Arn'] });
});

test('a function can be started', () => {
  const synthesized = inItsStack(({ functions }, role) => functions.planNurture.grantInvoke(role));
  const arn = { 'Fn::GetAtt': ['PlanNurture', 'Arn'] };
  allows(synthesized, 'lambda:InvokeFunction', [arn, { 'Fn::Join': ['', [arn, ':*']] }]);
});

test('a rule listens on the bus', () => {
  const synthesized = inItsStack(({ eventBus }, _, stack) => {
    new Rule(stack, 'Leads', { eventBus, eventPattern: { source: ['perennial'] }, targets: [new SqsQueue(new Queue(stack, 'Calls'))] });
  });
  synthesized.hasResourceProperties('AWS::Events::Rule', {
    EventBusName: { Ref: 'EventBus' },
    EventPattern: { source: ['perennial'] },
    Targets: [{ Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Calls'), 'Arn'] } }],
  });
});

test('an alarm of our own looks at a function, and tells whom the others tell', () => {
  const synthesized = inItsStack(({ functions, topics }, _, stack) => {
    const alarm = new Alarm(stack, 'Errors', { metric: functions.signedPages.metricErrors(), threshold: 5, evaluationPeriods: 1 });
    alarm.addAlarmAction(new SnsAction(topics.alarmTopic));
  });
  synthesized.hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmActions: [{ Ref: 'AlarmTopic' }],
    Dimensions: [{ Name: 'FunctionName', Value: Match.objectLike({}) }],
    Threshold: 5,
    MetricName: 'Errors',
  });
});

test('another stack can use them', () => {
  const construct = perennial();
  const other = new Stack(construct.node.root, 'Other');
  construct.stateTable.grant(new Role(other, 'Analyst', { assumedBy: new AccountRootPrincipal() }), 'dynamodb:Query');
  const analysts = Synthesized.fromStack(other);
  const imported = { 'Fn::ImportValue': Match.stringLikeRegexp('StateTable') };
  analysts.hasResourceProperties('AWS::IAM::Policy', {
    PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ Resource: Match.arrayWith([imported]) })]) },
  });
});
