import { strict as assert } from 'node:assert';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { PerennialProps } from '../lib';
import { choices, parameterName, parameterProperties } from '../lib/parameters';
import { desk, least, perennial } from './stacks';
import { checkout, readTemplate } from './template-file';

const declared = readTemplate().Parameters;

test('every parameter of the template has a property, and every property its parameter', () => {
  assert.deepEqual(parameterProperties.map(parameterName).sort(), Object.keys(declared).sort());
});

test('what the template lists as allowed is what the types allow', () => {
  const listed = Object.entries(declared).filter(([, { AllowedValues }]) => AllowedValues !== undefined);
  assert.deepEqual(
    Object.fromEntries(Object.entries(choices).map(([property, values]) => [parameterName(property), [...values]])),
    Object.fromEntries(listed.map(([name, { AllowedValues }]) => [name, AllowedValues])),
  );
});

test('what the template has a default for is optional, with that default in its comment', () => {
  const source = fs.readFileSync(path.join(checkout, 'infra', 'cdk', 'lib', 'parameters.ts'), 'utf8');
  for (const property of parameterProperties) {
    const { Default: value } = declared[parameterName(property)]!;
    const [, comment, optional] = source.match(new RegExp(`/\\*\\*((?:(?!/\\*\\*)[^])*?)\\*/\\s+readonly ${property}(\\??):`)) ?? [];
    assert.equal(optional === '?', value !== undefined, `${property} is optional if there is a default`);
    const stated = comment?.match(/@default (.*)/)?.[1];
    const expected = typeof value === 'string' ? `'${value}'` : value?.toString();
    assert.ok(value === undefined || value === '' || stated === expected, `${property}: @default is ${expected}, not ${stated}`);
  }
});

test('what has no default must be said', () => {
  const required = Object.keys(declared).filter((name) => declared[name]!.Default === undefined);
  assert.deepEqual(required.sort(), Object.keys(least).map(parameterName).sort());
  for (const property of Object.keys(least)) {
    refuses({ [property]: undefined }, `${property}: is missing`);
  }
});

test('a property that will not do is named, with what would', () => {
  refuses({ stage: 'Prod' }, 'stage: "Prod" is not a lower-case letter, then at most 19 lower-case letters, digits or hyphens');
  refuses({ senderIdentity: 'arn:aws:ses:eu-central-1:1:identity/x' }, 'senderIdentity: "arn:aws:ses:eu-central-1:1:identity/x" is not a domain');
  refuses({ alarmEmail: 'nobody' }, 'alarmEmail: "nobody" is not an email address');
  refuses({ recoveryDays: 36 }, 'recoveryDays: 36 is more than 35');
  refuses({ recoveryDays: 0 }, 'recoveryDays: 0 is less than 1');
  refuses({ recoveryDays: 1.5 }, 'recoveryDays: 1.5 is not a whole number');
  refuses({ logRetentionDays: 31 as never }, 'logRetentionDays: 31 is none of 1, 3, 5');
  refuses({ architecture: 'x86' as never }, 'architecture: "x86" is none of arm64, x86_64');
  refuses({ briefSchedule: 'rate(1 day)' }, 'briefSchedule: "rate(1 day)" is not cron(minute hour ? * days *)');
  refuses({ publicDomain: 'https://mail.example.com' }, 'publicDomain: "https://mail.example.com" is not empty, or a host name');
});

test('all of them are named at once', () => {
  refuses({ stage: 'Prod', recoveryDays: 0 }, /stage: .*\n {2}recoveryDays: /);
});

test('half a desk is refused', () => {
  refuses({ deskIssuer: desk.deskIssuer }, /deskClientId: is missing.*\n {2}deskSignInPages: is missing/);
  perennial(desk);
  perennial({ deskIssuer: '', deskClientId: '', deskSignInPages: '' });
});

function refuses(properties: Partial<PerennialProps>, message: string | RegExp): void {
  assert.throws(
    () => perennial(properties),
    (error: Error) => (typeof message === 'string' ? error.message.includes(message) : message.test(error.message)),
    String(message),
  );
}
