/**
 * The canonical template, included as it is: every logical id is kept, every parameter has its value.
 *
 * Owns what stands between a SAM template and `CfnInclude`. Changes nothing of what is deployed.
 */
import { CfnParameter, Stack } from 'aws-cdk-lib';
import { CfnFunction } from 'aws-cdk-lib/aws-sam';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Construct } from 'constructs';
import { holds } from './conditions';
import { ParameterValue } from './parameters';

// A function's rollout names its alarm, which looks at the function: after SAM's transform the circle is none.
const SAM = { allowCyclicalReferences: true };

/** The parameters that the template declares, by name, with their constraints. */
export function declaredParameters(templateFile: string): ReadonlyMap<string, CfnParameter> {
  // Where a parameter is replaced its declaration is gone, so it is read from a stack that nobody deploys.
  const declarations = new CfnInclude(new Stack(), 'Template', { templateFile, ...SAM });
  const found = declarations.node.findAll().filter((child) => child instanceof CfnParameter);
  return new Map(found.map((parameter) => [parameter.node.id, parameter]));
}

/**
 * The template with values in the place of its parameters. They are not left to CloudFormation because the CDK CLI deploys a
 * parameter with the value that it had before, whatever its default is by now: a changed property would change nothing.
 */
export class Template extends CfnInclude {
  private readonly decided = new Map<string, boolean>();

  constructor(scope: Construct, id: string, templateFile: string, values: Record<string, ParameterValue>) {
    super(scope, id, { templateFile, parameters: values, ...SAM });
    for (const child of this.node.findAll()) {
      if (child instanceof CfnFunction) {
        allowFailuresAlone(child);
      }
    }
  }

  /** Whether a condition of the template holds with the values given. */
  public holds(condition: string): boolean {
    const known = this.decided.get(condition);
    if (known !== undefined) {
      return known;
    }
    const expression: unknown = Stack.of(this).resolve(this.getCondition(condition).expression);
    const decision = holds(expression, (other) => this.holds(other));
    this.decided.set(condition, decision);
    return decision;
  }

  /** Whether a resource is deployed: it has no condition, or one that holds. */
  public has(logicalId: string): boolean {
    const condition = this.getResource(logicalId).cfnOptions.condition;
    return condition === undefined || this.holds(condition.node.id);
  }

  /** @internal */
  public override _toCloudFormation(): object {
    const { Metadata: groups, ...sections } = super._toCloudFormation() as Record<string, Record<string, unknown>>;
    const { 'AWS::CloudFormation::Interface': _, ...others } = groups ?? {};
    // How a console groups parameters, of which there are none left.
    return Object.keys(others).length > 0 ? { Metadata: others, ...sections } : sections;
  }
}

/**
 * SAM takes a destination for failures alone; the CDK's type of it asks for one of successes too. So it gets one that is taken
 * away again when the template is written.
 */
function allowFailuresAlone(target: CfnFunction): void {
  const config = target.eventInvokeConfig as CfnFunction.EventInvokeConfigProperty | undefined;
  const destinations = config?.destinationConfig as CfnFunction.EventInvokeDestinationConfigProperty | undefined;
  if (config === undefined || destinations === undefined || destinations.onSuccess !== undefined) {
    return;
  }
  target.eventInvokeConfig = { ...config, destinationConfig: { ...destinations, onSuccess: { destination: 'nowhere' } } };
  target.addPropertyDeletionOverride('EventInvokeConfig.DestinationConfig.OnSuccess');
}
