/**
 * The template's parameters as properties, and what they are checked against.
 *
 * Owns the names and the types. What a value may look like stands in the template and nowhere else: it is read from there, so
 * that CloudFormation and this construct cannot be of two minds.
 */
import { CfnParameter, Token } from 'aws-cdk-lib';

/** The values that the template allows, where it lists them. A test compares them with the template. */
export const choices = {
  profile: ['standard', 'minimal'],
  edge: ['http-api', 'function-url'],
  logRetentionDays: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731],
  rolloutType: ['AllAtOnce', 'Canary10Percent5Minutes', 'Linear10PercentEvery1Minute'],
  architecture: ['arm64', 'x86_64'],
} as const;

/** A property for each parameter of the template. What is optional here has a default there. */
export interface PerennialParameters {
  /**
   * Part of every name, so that several stages can live in one account and region. `prod` and `production` write to anyone; any
   * other stage writes only to whom `sending.allow` in the playbook names.
   *
   * @default 'dev'
   */
  readonly stage?: string;
  /**
   * `minimal` leaves out what costs by the month and is not needed to be safe: a key of your own, the dashboard, tracing, some alarms.
   *
   * @default 'standard'
   */
  readonly profile?: (typeof choices.profile)[number];
  /**
   * What webhooks and links reach. An API limits requests by the second before a function runs; function URLs cost nothing beside the
   * functions, are two addresses, and only `httpConcurrency` limits them.
   *
   * @default 'http-api'
   */
  readonly edge?: (typeof choices.edge)[number];
  /** The SES identity, verified in this account and region: a domain or one address. Mail leaves from it and from nothing else. */
  readonly senderIdentity: string;
  /**
   * Host name of the links in emails, already mapped to the API, or to the output PagesUrl where `edge` is `function-url`. Links in
   * mail that was sent keep the host they were sent with.
   *
   * @default - the edge's own address
   */
  readonly publicDomain?: string;
  /**
   * IANA time zone in which the team's day starts; the same as `team.time_zone` in the playbook.
   *
   * @default 'Europe/Berlin'
   */
  readonly teamTimeZone?: string;
  /**
   * When the weekly brief of the reps is made, in the team's time zone, as `cron(minute hour ? * days *)`: on the first of the days
   * of a week; the later ones make up for one that was missed.
   *
   * @default 'cron(0 7 ? * MON-FRI *)'
   */
  readonly briefSchedule?: string;
  /** Name (not ARN) of the secret with the secrets of the webhook sources. It is created outside of this construct. */
  readonly webhookSecretName: string;
  /** Name (not ARN) of the secret with `LINK_KEY` and `ADDRESS_KEY`. It is created outside of this construct. */
  readonly keySecretName: string;
  /**
   * Issuer of the user pool whose members may use the sales desk. All three of the desk's properties, or none: then there is no desk.
   *
   * @default - no desk
   */
  readonly deskIssuer?: string;
  /**
   * A public client of that pool, with the authorization code grant, the scopes openid and email, and the callback DeskUrl/login.
   *
   * @default - no desk
   */
  readonly deskClientId?: string;
  /**
   * Where the pool's sign-in pages are: https:// and a host name.
   *
   * @default - no desk
   */
  readonly deskSignInPages?: string;
  /** Who is told when something needs a human. The subscription has to be confirmed once. */
  readonly alarmEmail: string;
  /**
   * How long logs are kept, in days.
   *
   * @default 30
   */
  readonly logRetentionDays?: (typeof choices.logRetentionDays)[number];
  /**
   * How many days back the tables can be restored (1 to 35). Also how long an erased person remains in backups.
   *
   * @default 35
   */
  readonly recoveryDays?: number;
  /**
   * HTTP requests accepted per second (1 to 5000), steadily and in a burst; above it callers get 429 and try again. A function
   * URL has no such limit.
   *
   * @default 100
   */
  readonly requestsPerSecond?: number;
  /**
   * How many requests each function that answers HTTP works on at once (0 to 1000): so many are reserved for it, out of the quota of
   * the account. 0 reserves nothing and limits nothing.
   *
   * @default 0
   */
  readonly httpConcurrency?: number;
  /**
   * Senders at work at once (2 to 100), and recorders of feedback. Ten times this must not exceed 90 times
   * `sending.rate_per_second` of the playbook.
   *
   * @default 2
   */
  readonly mailConcurrency?: number;
  /**
   * How a new version takes over. Other than all at once, CodeDeploy shifts traffic to it, and back if the function's alarm on errors
   * goes off meanwhile.
   *
   * @default 'AllAtOnce'
   */
  readonly rolloutType?: (typeof choices.rolloutType)[number];
  /**
   * What the functions are built for.
   *
   * @default 'arm64'
   */
  readonly architecture?: (typeof choices.architecture)[number];
}

// One entry for each property, or it does not compile. The order is that of the template.
const names: Record<keyof PerennialParameters, true> = {
  stage: true,
  profile: true,
  edge: true,
  senderIdentity: true,
  publicDomain: true,
  teamTimeZone: true,
  briefSchedule: true,
  webhookSecretName: true,
  keySecretName: true,
  deskIssuer: true,
  deskClientId: true,
  deskSignInPages: true,
  alarmEmail: true,
  logRetentionDays: true,
  recoveryDays: true,
  requestsPerSecond: true,
  httpConcurrency: true,
  mailConcurrency: true,
  rolloutType: true,
  architecture: true,
};

/** The properties that are parameters of the template. */
export const parameterProperties = Object.keys(names) as (keyof PerennialParameters)[];

/** `SenderIdentity` of the property `senderIdentity`. */
export function parameterName(property: string): string {
  return property.charAt(0).toUpperCase() + property.slice(1);
}

/** A value for a parameter: a token is known at deployment only. */
export type ParameterValue = string | number;

/**
 * The value of every parameter of the template: the property's, else the template's default. Throws one error that names each
 * property that will not do.
 */
export function parameterValues(
  properties: PerennialParameters,
  declared: ReadonlyMap<string, CfnParameter>,
): Record<string, ParameterValue> {
  const values: Record<string, ParameterValue> = {};
  const faults: string[] = [];
  for (const property of parameterProperties) {
    const name = parameterName(property);
    const parameter = declared.get(name);
    if (parameter === undefined) {
      faults.push(`${property}: the template has no parameter ${name}; is the checkout of another version than this package?`);
      continue;
    }
    const value: ParameterValue | undefined = properties[property] ?? parameter.default;
    const fault = value === undefined ? 'is missing' : faultOf(value, parameter);
    if (fault === undefined) {
      values[name] = value as ParameterValue;
    } else {
      faults.push(`${property}: ${fault}`);
    }
  }
  faults.push(...halfADesk(properties));
  if (faults.length > 0) {
    throw new Error(`Perennial cannot be deployed like this:\n  ${faults.join('\n  ')}`);
  }
  return values;
}

/** Why the template would refuse the value, or undefined. Of a token nothing is known yet: CloudFormation will see. */
function faultOf(value: ParameterValue, parameter: CfnParameter): string | undefined {
  if (Token.isUnresolved(value)) {
    return undefined;
  }
  const got = JSON.stringify(value);
  if (parameter.type === 'Number') {
    return faultOfNumber(Number(value), parameter) && `${got} is ${faultOfNumber(Number(value), parameter)}`;
  }
  if (parameter.allowedValues !== undefined && !parameter.allowedValues.map(String).includes(String(value))) {
    return `${got} is none of ${parameter.allowedValues.join(', ')}`;
  }
  // CloudFormation asks the pattern of the whole value.
  const pattern = parameter.allowedPattern;
  if (pattern !== undefined && !new RegExp(`^(?:${pattern})$`).test(String(value))) {
    return `${got} is not ${parameter.constraintDescription ?? `of the pattern ${pattern}`}`;
  }
  return undefined;
}

function faultOfNumber(value: number, { allowedValues, minValue, maxValue }: CfnParameter): string | undefined {
  if (!Number.isInteger(value)) {
    return 'not a whole number';
  }
  if (allowedValues !== undefined && !allowedValues.map(Number).includes(value)) {
    return `none of ${allowedValues.join(', ')}`;
  }
  if (minValue !== undefined && value < minValue) {
    return `less than ${minValue}`;
  }
  if (maxValue !== undefined && value > maxValue) {
    return `more than ${maxValue}`;
  }
  return undefined;
}

/** The template makes no desk of one or two of them, and says nothing. */
function halfADesk(properties: PerennialParameters): string[] {
  const desk = ['deskIssuer', 'deskClientId', 'deskSignInPages'] as const;
  const missing = desk.filter((property) => !properties[property]);
  if (missing.length === 0 || missing.length === desk.length) {
    return [];
  }
  return missing.map((property) => `${property}: is missing; the desk needs all of ${desk.join(', ')}`);
}
