/**
 * What linters find in the template and what is meant so, each with its reason.
 *
 * A library acknowledges what it makes, so that an app that runs cdk-nag sees findings of its own only.
 */
import { Acknowledgment, Stack, Validations } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';

const LAST_RESORT = 'It is a dead-letter queue itself: what lies here waits for a person, and an alarm tells one.';

const deadLetterQueue: Acknowledgment[] = [
  { id: 'AwsSolutions::AwsSolutions-SQS3', reason: LAST_RESORT },
  { id: 'Serverless::Serverless-SQSRedrivePolicy', reason: LAST_RESORT },
];

/** By logical id. */
export const accepted: Readonly<Record<string, Acknowledgment[]>> = {
  MailDeadLetterQueue: deadLetterQueue,
  TriggerDeadLetterQueue: deadLetterQueue,
  StreamFailuresQueue: deadLetterQueue,
  MailEventsDeadLetterQueue: deadLetterQueue,
  AlarmSubscription: [
    {
      id: 'Serverless::Serverless-SNSRedrivePolicy',
      reason: 'It is mail to a person, who would have to be told of the dead letters in the same way. The alarm stays red until it is mended.',
    },
  ],
  RecordEmailFeedbackRole: ['AwsSolutions::AwsSolutions-IAM5[Resource::*]', 'Serverless::Serverless-LambdaStarPermissions'].map((id) => ({
    id,
    reason: 'The suppression list is of the account: ses:ListSuppressedDestinations has no resource that it could be limited to.',
  })),
  RolloutRole: [
    {
      id: 'AwsSolutions::AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]',
      reason: 'It is what CodeDeploy says it needs to move an alias, without rights on every topic; AWS keeps it in step with CodeDeploy.',
    },
  ],
};

/**
 * What the CDK says of every template. Parameters have their values here, so conditions are decided, and of what a condition leaves
 * out it says that it cannot be there. Conditions stay as the template has them, because it is the template that is tested.
 */
const decided = ['W1028', 'W2503'];
const decidedAboutTheStack = ['W1001', 'W8003'];

/** Acknowledges the findings where they are found. */
export function acceptFindings(template: CfnInclude): void {
  for (const [logicalId, acknowledgments] of Object.entries(accepted)) {
    Validations.of(template.getResource(logicalId)).acknowledge(...acknowledgments);
  }
  Validations.of(template).acknowledge(...decided.map(aboutConditions));
  // Conditions and outputs are sections, and no constructs of their own.
  Validations.of(Stack.of(template)).acknowledge(...decidedAboutTheStack.map(aboutConditions));
}

function aboutConditions(rule: string): Acknowledgment {
  return { id: `CloudFormation-Validate::${rule}`, reason: 'The conditions of the template are decided by the properties, and stay as they are.' };
}
