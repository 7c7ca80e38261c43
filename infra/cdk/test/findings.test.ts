import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { Stack } from 'aws-cdk-lib';
import { accepted } from '../lib/accepted';
import { findingsIn } from './findings';
import { app, perennialIn } from './stacks';

test('cdk-nag finds what is accepted with a reason, all of it, and nothing else', () => {
  const root = app();
  perennialIn(new Stack(root, 'Test'));
  const stated = Object.entries(accepted).flatMap(([logicalId, each]) => each.map(({ id }) => `${logicalId} ${id}`));
  assert.deepEqual(findingsIn(root), { open: [], accepted: stated.sort() }, 'what nothing finds any more need not be accepted');
});
