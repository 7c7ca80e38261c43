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
  MailEventsSubscription: [
    {
      id: 'Serverless::Serverless-SNSRedrivePolicy',
      reason: 'SNS tries a queue for 23 days, and the policy of the queue lets the topic in: what it gives up then is longer gone from the queue.',
    },
  ],
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

/** Acknowledges the findings where they are found. */
export function acceptFindings(template: CfnInclude): void {
  for (const [logicalId, acknowledgments] of Object.entries(accepted)) {
    Validations.of(template.getResource(logicalId)).acknowledge(...acknowledgments);
  }
  Validations.of(Stack.of(template)).acknowledge({
    id: 'CloudFormation-Validate::W8003',
    reason: 'The parameters of the template have their values here, so its conditions are decided. They stay, as the template has them.',
  });
}
