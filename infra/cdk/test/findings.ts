/** What cdk-nag finds in an app. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';

interface Finding {
  readonly ruleName: string;
  readonly acknowledgedId?: string;
  readonly violatingConstructs: { readonly constructPath: string }[];
}

interface Report {
  readonly pluginReports: { readonly violations: Finding[]; readonly suppressedViolations?: Finding[] }[];
}

/** Findings as `LogicalId Pack::Rule`, sorted: those that nobody has accepted, and those that somebody has. */
export interface Findings {
  readonly open: string[];
  readonly accepted: string[];
}

/** Synthesizes the app and lets both packs look at it. */
export function findingsIn(app: App): Findings {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  try {
    app.synth();
  } catch {
    // A finding ends it; which one stands in the report.
  }
  const { pluginReports }: Report = JSON.parse(fs.readFileSync(path.join(app.outdir, 'validation-report.json'), 'utf8'));
  return {
    open: places(pluginReports.flatMap(({ violations }) => violations)),
    accepted: places(pluginReports.flatMap(({ suppressedViolations = [] }) => suppressedViolations)),
  };
}

function places(findings: Finding[]): string[] {
  const each = findings.flatMap(({ ruleName, acknowledgedId, violatingConstructs }) =>
    violatingConstructs.map(({ constructPath }) => `${path.basename(constructPath)} ${acknowledgedId ?? ruleName}`),
  );
  return [...new Set(each)].sort();
}
