/** The template as a YAML file, read without the CDK: what the construct is compared with. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ScalarTag, CollectionTag, parse } from 'yaml';

/** The checkout that the tests run in: dist/test is four folders below it. */
export const checkout = path.join(__dirname, '..', '..', '..', '..');

/** A declared parameter, as the template spells it. */
export interface Declaration {
  readonly Type: 'String' | 'Number';
  readonly Default?: string | number;
  readonly AllowedValues?: (string | number)[];
  readonly Description: string;
}

/** What a resource has. */
export interface Resource {
  readonly Type: string;
  readonly Condition?: string;
  readonly Properties: Record<string, unknown>;
}

/** The sections that are compared. */
export interface TemplateFile {
  readonly Parameters: Record<string, Declaration>;
  readonly Resources: Record<string, Resource>;
  readonly [section: string]: unknown;
}

const intrinsics = ['Sub', 'GetAtt', 'If', 'Equals', 'Not', 'And', 'Or', 'Join', 'Select', 'Split', 'FindInMap'];

function tags(name: string): (ScalarTag | CollectionTag)[] {
  const key = ['Ref', 'Condition'].includes(name) ? name : `Fn::${name}`;
  return [
    { tag: `!${name}`, resolve: (text: string) => ({ [key]: text }) },
    { tag: `!${name}`, collection: 'seq', resolve: (value) => ({ [key]: (value as unknown as { toJSON(): unknown }).toJSON() }) },
  ];
}

/** Reads the template, intrinsics in their long form. */
export function readTemplate(): TemplateFile {
  const text = fs.readFileSync(path.join(checkout, 'infra', 'sam', 'template.yaml'), 'utf8');
  return parse(text, { customTags: [...intrinsics, 'Ref', 'Condition'].flatMap(tags) });
}

/** A value with parameters replaced, and of two spellings of the same always the one. */
export function resolved(value: unknown, parameters: Record<string, unknown>): unknown {
  if (Array.isArray(value)) {
    return value.map((each) => resolved(each, parameters));
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const [key, operand] = Object.entries(value)[0] ?? [];
  if (key === 'Ref' && String(operand) in parameters) {
    return parameters[String(operand)];
  }
  if ('Type' in value && 'Properties' in value && Object.keys(value.Properties as object).length === 0) {
    const { Properties: _, ...others } = value;
    return resolved(others, parameters);
  }
  if ('DependsOn' in value && typeof value.DependsOn === 'string') {
    return resolved({ ...value, DependsOn: [value.DependsOn] }, parameters);
  }
  if (key === 'Fn::GetAtt' && typeof operand === 'string') {
    return { 'Fn::GetAtt': operand.split('.') };
  }
  if (key === 'Fn::Sub' && typeof operand === 'string') {
    const text = substituted(operand, parameters);
    return text.includes('${') ? { 'Fn::Sub': text } : text;
  }
  if (key === 'Fn::Sub' && Array.isArray(operand)) {
    return { 'Fn::Sub': [substituted(operand[0], parameters), resolved(operand[1], parameters)] };
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, resolved(each, parameters)]));
}

function substituted(text: string, parameters: Record<string, unknown>): string {
  return text.replace(/\$\{(\w+)\}/g, (whole, name) => (name in parameters ? String(parameters[name]) : whole));
}
