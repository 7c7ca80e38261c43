/** A stack with Perennial in it, without a build. */
import { App, Stack } from 'aws-cdk-lib';
import { Template as Synthesized } from 'aws-cdk-lib/assertions';
import { PLACEHOLDERS, Perennial, PerennialProps } from '../lib';

// The CDK's own look at a template takes seconds: the example is looked at, once.
process.env['CDK_VALIDATION'] = 'false';

/** The CDK takes a function's rollout for a circle; lib/template.ts tells of it. */
export const CIRCLES = { skipCyclicalDependenciesCheck: true };

/** What must be said. */
export const least: PerennialProps = {
  senderIdentity: 'mail.example.com',
  webhookSecretName: 'perennial/dev/webhooks',
  keySecretName: 'perennial/dev/keys',
  alarmEmail: 'operations@example.com',
};

/** The three that a desk takes. */
export const desk = {
  deskIssuer: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example',
  deskClientId: '1example23456789',
  deskSignInPages: 'https://fernhill.auth.eu-central-1.amazoncognito.com',
};

/** An app in which what is not built is a placeholder. */
export function app(): App {
  return new App({ context: { [PLACEHOLDERS]: true } });
}

/** Perennial with a desk in that stack. */
export function perennialIn(stack: Stack): Perennial {
  return new Perennial(stack, 'Perennial', { ...least, ...desk });
}

/** Perennial in a stack and an app of its own. */
export function perennial(properties: Partial<PerennialProps> = {}): Perennial {
  return new Perennial(new Stack(app(), 'Test'), 'Perennial', { ...least, ...properties });
}

/** What would be deployed. */
export function synthesized(construct: Perennial): Synthesized {
  return Synthesized.fromStack(Stack.of(construct), CIRCLES);
}
