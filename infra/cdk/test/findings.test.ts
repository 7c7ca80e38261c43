import { strict as assert } from 'node:assert';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { Perennial, PLACEHOLDERS } from '../lib';
import { accepted } from '../lib/accepted';
import { desk, least } from './stacks';

interface Finding {
  readonly ruleName: string;
  readonly acknowledgedId?: string;
  readonly violatingConstructs: { readonly constructPath: string }[];
}

interface Report {
  readonly pluginReports: { readonly violations: Finding[]; readonly suppressedViolations?: Finding[] }[];
}

test('cdk-nag finds what is accepted with a reason, all of it, and nothing else', () => {
  const { pluginReports } = report();
  assert.deepEqual(pluginReports.flatMap(({ violations }) => violations), []);
  const found = pluginReports.flatMap(({ suppressedViolations = [] }) => suppressedViolations).flatMap(places);
  const stated = Object.entries(accepted).flatMap(([logicalId, each]) => each.map(({ id }) => `${logicalId} ${id}`));
  assert.deepEqual([...new Set(found)].sort(), stated.sort(), 'what nothing finds any more need not be accepted');
});

function places({ acknowledgedId, violatingConstructs }: Finding): string[] {
  return violatingConstructs.map(({ constructPath }) => `${path.basename(constructPath)} ${acknowledgedId}`);
}

function report(): Report {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'perennial-nag-'));
  try {
    const app = new App({ outdir, context: { [PLACEHOLDERS]: true } });
    new Perennial(new Stack(app, 'Test'), 'Perennial', { ...least, ...desk });
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
    app.synth();
    return JSON.parse(fs.readFileSync(path.join(outdir, 'validation-report.json'), 'utf8'));
  } finally {
    fs.rmSync(outdir, { recursive: true });
  }
}
