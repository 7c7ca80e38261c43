/**
 * An app with Perennial in it: a lead to act on now also starts a function of ours, and a pager hears the alarms.
 *
 * `npm run synth -- --context perennial:placeholders=true` looks at it without a build; `npx cdk deploy` wants the functions built.
 */
import { App, Duration, Stack, StackProps, Validations } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { Construct } from 'constructs';
import { Perennial } from '../lib';

class CustomerMarketing extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);
    const perennial = new Perennial(this, 'Perennial', {
      stage: 'prod',
      senderIdentity: 'mail.example.com',
      webhookSecretName: 'perennial/prod/webhooks',
      keySecretName: 'perennial/prod/keys',
      alarmEmail: 'operations@example.com',
    });

    const undelivered = new Queue(this, 'Undelivered', { retentionPeriod: Duration.days(14), encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true });
    Validations.of(undelivered).acknowledge({ id: 'Serverless::Serverless-SQSRedrivePolicy', reason: 'It is a dead-letter queue itself.' });
    const calls = new Queue(this, 'CallNow', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      deadLetterQueue: { queue: undelivered, maxReceiveCount: 5 },
    });
    new Rule(this, 'LeadsToCallNow', {
      eventBus: perennial.eventBus,
      eventPattern: { source: ['perennial'], detailType: ['LeadQualified'], detail: { priority: ['act-now'] } },
      targets: [new SqsQueue(calls, { deadLetterQueue: undelivered })],
    });
  }
}

const app = new App();
new CustomerMarketing(app, 'perennial', { description: 'Perennial, and a queue of the leads to call now' });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
