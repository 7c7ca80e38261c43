/**
 * The construct: the canonical template with the functions and the playbook of a checkout, and what it makes as constructs for
 * grants, rules and alarms of your own.
 */
import * as path from 'node:path';
import { Aws, CfnRule, Fn, Stack } from 'aws-cdk-lib';
import { ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { EventBus, IEventBus } from 'aws-cdk-lib/aws-events';
import { IKey, Key } from 'aws-cdk-lib/aws-kms';
import { Function as LambdaFunction, IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnFunction, CfnLayerVersion } from 'aws-cdk-lib/aws-sam';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acceptFindings } from './accepted';
import { Artifact, PLACEHOLDERS, Search, functionFolder, playbookFolder, surroundingCheckout, templateOf } from './artifacts';
import { PerennialParameters, parameterName, parameterValues } from './parameters';
import { Template, declaredParameters } from './template';

/** The functions; a test compares the list with the template. */
export const functionNames = [
  'ingestEngagement', 'scoreAndDecay', 'applyChange', 'qualifyMql', 'planNurture', 'sendNurtureEmail', 'recordEmailFeedback',
  'escalateSla', 'briefSales', 'relayEvents', 'signedPages', 'salesDesk',
] as const;

/** The queues; a test compares the list with the template. */
export const queueNames = [
  'mailQueue', 'mailDeadLetterQueue', 'triggerDeadLetterQueue', 'streamFailuresQueue', 'mailEventsQueue', 'mailEventsDeadLetterQueue',
] as const;

/** The topics; a test compares the list with the template. */
export const topicNames = ['mailEventsTopic', 'alarmTopic'] as const;

/** The name of a function that is there with or without a desk. */
export type FunctionName = Exclude<(typeof functionNames)[number], 'salesDesk'>;

/** The functions by name. Each publishes a version at every change; whoever calls one calls its alias `live`. */
export type Functions = Readonly<Record<FunctionName, IFunction>> & { readonly salesDesk?: IFunction };

/** A property for each parameter of the template, and where things are. */
export interface PerennialProps extends PerennialParameters {
  /**
   * The checkout of Perennial: its template, its built functions and its compiled playbook are read from there.
   *
   * @default - the checkout that this package lies in
   */
  readonly checkout?: string;
  /**
   * The folder with a folder for each built function, named as `cargo lambda build` or `sam build` name it.
   *
   * @default - target/lambda in the checkout
   */
  readonly functionsFolder?: string;
  /**
   * The folder with the compiled `playbook.json`.
   *
   * @default - infra/playbook/build in the checkout
   */
  readonly playbookFolder?: string;
}

/**
 * Perennial in a stack. Logical ids are those of the template, so there is one in a stack, a stack that SAM deployed can be taken over
 * by deploying this under its name, and `perennial --stack` finds what it looks for.
 */
export class Perennial extends Construct {
  /** The template, for whatever is not exposed below: `template.getResource('HttpApi')`. */
  public readonly template: Template;
  /** What tables, queues, topics and logs are encrypted with; grants of these grant its use too. Keys of AWS with the profile `minimal`. */
  public readonly dataKey?: IKey;
  /** Everything that was told, append-only. Two functions read its stream, as many as a shard serves well: listen to the bus instead. */
  public readonly ledgerTable: ITable;
  /** What follows from it, one partition for a contact. */
  public readonly stateTable: ITable;
  /** What was decided, for rules of your own: source `perennial`, detail types `LeadQualified`, `LeadTouched` and so on. */
  public readonly eventBus: IEventBus;
  /** The functions, for metrics and alarms of your own. */
  public readonly functions: Functions;
  /** The queues and dead-letter queues. */
  public readonly queues: Readonly<Record<(typeof queueNames)[number], IQueue>>;
  /** The topics: subscribe a pager to `alarmTopic`. */
  public readonly topics: Readonly<Record<(typeof topicNames)[number], ITopic>>;

  constructor(scope: Construct, id: string, props: PerennialProps) {
    super(scope, id);
    const checkout = props.checkout ?? surroundingCheckout();
    if (checkout === undefined) {
      throw new Error('checkout: is missing; say where the checkout of Perennial is, because this package does not lie in one');
    }
    const templateFile = templateOf(checkout);
    const values = parameterValues(props, declaredParameters(templateFile));
    this.template = new Template(this, 'Template', templateFile, values);
    this.addArtifacts({
      checkout,
      functions: props.functionsFolder ?? path.join(checkout, 'target', 'lambda'),
      playbook: props.playbookFolder ?? path.join(checkout, 'infra', 'playbook', 'build'),
      architecture: String(values['Architecture']),
      placeholders: ['true', true].includes(this.node.tryGetContext(PLACEHOLDERS)),
    });
    acceptFindings(this.template);

    this.dataKey = this.template.has('DataKey') ? Key.fromKeyArn(this, 'DataKey', this.arnOf('DataKey')) : undefined;
    this.ledgerTable = this.table('LedgerTable');
    this.stateTable = this.table('StateTable');
    this.eventBus = EventBus.fromEventBusAttributes(this, 'EventBus', {
      eventBusName: this.template.getResource('EventBus').ref,
      eventBusArn: this.arnOf('EventBus'),
      eventBusPolicy: '',
    });
    this.functions = this.exposed(functionNames, (logicalId) => this.function(logicalId)) as Functions;
    this.queues = this.exposed(queueNames, (logicalId) => this.queue(logicalId));
    this.topics = this.exposed(topicNames, (logicalId) => this.topic(logicalId));
  }

  /** The value of an output of the template, `WebhookUrl` for instance; undefined where it has none, as `DeskUrl` without a desk. */
  public output(name: string): string | undefined {
    const { condition, value } = this.template.getOutput(name);
    return condition === undefined || this.template.holds(condition.node.id) ? String(value) : undefined;
  }

  /** Puts assets in the place of the template's local folders. */
  private addArtifacts(search: Search): void {
    const artifacts: Artifact[] = [];
    for (const child of this.template.node.findAll()) {
      if (child instanceof CfnFunction) {
        const { Binary: binary } = child.getMetadata('BuildProperties') as { Binary: string };
        const artifact = functionFolder({ logicalId: child.node.id, binary }, search);
        child.codeUri = this.location(`${child.node.id}Code`, artifact);
        artifacts.push(artifact);
      } else if (child instanceof CfnLayerVersion) {
        const artifact = playbookFolder(search);
        child.contentUri = this.location(`${child.node.id}Content`, artifact);
        artifacts.push(artifact);
      }
    }
    if (artifacts.some(({ placeholder }) => placeholder)) {
      refuseDeployment(this);
    }
  }

  private location(id: string, { folder }: Artifact): { bucket: string; key: string } {
    const asset = new Asset(this, id, { path: folder });
    return { bucket: asset.s3BucketName, key: asset.s3ObjectKey };
  }

  private exposed<Name extends string, Made>(names: readonly Name[], make: (logicalId: string) => Made): Record<Name, Made> {
    const deployed = names.map((name) => [name, parameterName(name)] as const).filter(([, logicalId]) => this.template.has(logicalId));
    return Object.fromEntries(deployed.map(([name, logicalId]) => [name, make(logicalId)])) as Record<Name, Made>;
  }

  private arnOf(logicalId: string): string {
    return this.template.getResource(logicalId).getAtt('Arn').toString();
  }

  private table(logicalId: string): ITable {
    return Table.fromTableAttributes(this, logicalId, {
      tableArn: this.arnOf(logicalId),
      grantIndexPermissions: true,
      encryptionKey: this.dataKey,
    });
  }

  private function(logicalId: string): IFunction {
    return LambdaFunction.fromFunctionAttributes(this, logicalId, { functionArn: this.arnOf(logicalId), sameEnvironment: true });
  }

  private queue(logicalId: string): IQueue {
    const queueUrl = this.template.getResource(logicalId).ref;
    return Queue.fromQueueAttributes(this, logicalId, { queueArn: this.arnOf(logicalId), queueUrl, keyArn: this.dataKey?.keyArn });
  }

  private topic(logicalId: string): ITopic {
    const topicArn = this.template.getResource(logicalId).ref;
    return Topic.fromTopicAttributes(this, logicalId, { topicArn, keyArn: this.dataKey?.keyArn });
  }
}

/** CloudFormation asks a rule before it makes anything: with placeholders it is told no. */
function refuseDeployment(scope: Construct): void {
  new CfnRule(scope, 'FunctionsAreBuilt', {
    assertions: [
      {
        assert: Fn.conditionEquals(Aws.REGION, 'nowhere'),
        assertDescription: `This was synthesized with ${PLACEHOLDERS}, for a look at it: build the functions and the playbook, and synthesize again.`,
      },
    ],
  });
  Stack.of(scope).templateOptions.metadata = { ...Stack.of(scope).templateOptions.metadata, [PLACEHOLDERS]: true };
}
